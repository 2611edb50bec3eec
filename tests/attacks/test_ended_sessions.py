"""Attack: go on in a session from before the second factor was set up, or taken away, in whichever store it is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User, update_last_login
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_init
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import SessionsEnd, lock_user
from allauth_2fa.sessions import ending
from allauth_2fa.signals import two_factor_event
from allauth_2fa.testing import login_verified
from tests.attacks import middleware
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import code_of, forget, give_answer, give_password, is_logged_in, log_in, plant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

BACKENDS = "django.contrib.sessions.backends."
NOON = 1_750_000_000
SETUP, ADD, REMOVE = reverse("two-factor-setup"), reverse("two-factor-add", args=["totp"]), reverse("two-factor-remove")


@pytest.fixture(params=["db", "cache", "cached_db", "file", "signed_cookies"])
def store(request, settings, tmp_path):
    """Keep the sessions in each of Django's stores."""
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.SESSION_ENGINE = BACKENDS + request.param
    return request.param


@pytest.fixture
def told():
    """What is announced."""
    heard = []

    def hear(event, facts, **_rest):
        heard.append((event, facts))

    two_factor_event.connect(hear)
    yield heard
    two_factor_event.disconnect(hear)


def browser(user):
    """Return a browser in which the user has logged in by the password."""
    client = Client()
    give_password(client, user)
    return client


def verified_browser(user, device):
    """Return a browser in which the user has logged in by password and code."""
    TOTPDevice.objects.filter(pk=device.pk).update(last_t=-1)
    client = Client()
    log_in(client, user, device)
    assert who(client)["user"] == user.username
    return client


def enroll(client, user):
    """Set up an authenticator app on the page for it."""
    client.get(SETUP)
    device = TOTPDevice.objects.get(user=user, confirmed=False)
    response = client.post(SETUP, {"otp_token": code_of(device)})
    assert response.status_code == 302
    device.refresh_from_db()
    return device


def remove(client, device):
    """Take the second factor away on the page for it."""
    TOTPDevice.objects.filter(pk=device.pk).update(last_t=-1)
    assert client.post(REMOVE, {"otp_token": code_of(device)}).status_code == 302
    assert not TOTPDevice.objects.exists()


def test_the_first_factor_ends_the_other_sessions_at_once(store, alice, bob):
    mine, other, neighbour = browser(alice), browser(alice), browser(bob)
    assert who(other)["user"] == "alice"
    device = enroll(mine, alice)
    assert who(mine)["user"] == "alice"
    assert who(other) == NOBODY
    assert not is_logged_in(other)
    assert "allauth_2fa_user_id" not in other.session
    assert who(neighbour)["user"] == "bob"
    assert mine.session["otp_device_id"] == device.persistent_id


def test_removing_the_last_factor_ends_the_other_sessions_at_once(store, alice, bob, phone):
    mine, other, neighbour = verified_browser(alice, phone), verified_browser(alice, phone), browser(bob)
    remove(mine, phone)
    assert who(other) == NOBODY
    assert not is_logged_in(other)
    assert who(mine)["user"] == "alice"
    assert who(neighbour)["user"] == "bob"


def test_a_copy_of_the_cookie_from_before_is_worth_nothing(store, alice):
    mine = browser(alice)
    thief = Client()
    thief.cookies["sessionid"] = mine.cookies["sessionid"].value
    enroll(mine, alice)
    assert who(thief) == NOBODY
    assert who(mine)["user"] == "alice"


def test_a_page_of_an_ended_session_leads_to_the_login_and_back(client, alice):
    other = browser(alice)
    enroll(browser(alice), alice)
    response = other.get("/private/")
    assert response["Location"] == f"{reverse('account_login')}?next=/private/"
    assert "_auth_user_id" not in other.session


def test_an_ended_session_leaves_nothing_for_the_next_visitor(alice, bob):
    other = browser(alice)
    session = other.session
    session["last_patient"] = "private"
    session.save()
    enroll(browser(alice), alice)
    other.get("/who/")
    give_password(other, bob)
    assert who(other)["user"] == "bob"
    assert "last_patient" not in other.session


def test_a_login_after_the_end_counts(alice):
    device = enroll(browser(alice), alice)
    later = verified_browser(alice, device)
    verified_browser(alice, device)
    assert who(later)["user"] == "alice"


def test_a_second_device_ends_no_session(alice, phone):
    mine, other = verified_browser(alice, phone), verified_browser(alice, phone)
    mine.get(ADD)
    mine.post(ADD, {"otp_token": code_of(TOTPDevice.objects.get(confirmed=False))})
    assert TOTPDevice.objects.filter(confirmed=True).count() == 2
    assert who(other)["user"] == who(mine)["user"] == "alice"
    assert not SessionsEnd.objects.exists()


def test_an_async_reader_sees_nobody_in_an_ended_session(alice):
    async def ask(key):
        visitor = AsyncClient()
        visitor.cookies["sessionid"] = key
        return (await visitor.get("/who-async/", headers={"Sec-Fetch-Dest": "empty"})).json()

    mine, other = browser(alice), browser(alice)
    key = other.cookies["sessionid"].value
    assert async_to_sync(ask)(key)["user"] == "alice"
    enroll(mine, alice)
    assert async_to_sync(ask)(key) == NOBODY
    assert async_to_sync(ask)(mine.cookies["sessionid"].value)["user"] == "alice"


def test_a_user_who_had_the_user_before_the_session_was_emptied_is_shown_nobody_either(alice, settings):
    at = settings.MIDDLEWARE.index("allauth_2fa.middleware.AllauthTwoFactorMiddleware")
    around = ["tests.attacks.middleware.look_early", settings.MIDDLEWARE[at], "tests.attacks.middleware.look_twice"]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], *around, *settings.MIDDLEWARE[at + 1 :]]
    mine, other = browser(alice), browser(alice)
    assert who(other)["user"] == "alice"
    assert middleware.SEEN == ["alice", "alice"]
    enroll(mine, alice)
    assert who(other) == NOBODY
    assert middleware.SEEN == ["", ""]


def test_a_session_that_never_noted_since_when_it_counts_is_over_once_there_is_an_end(alice):
    other = browser(alice)
    forget(other, "since")
    assert who(other)["user"] == "alice"
    forget(other, "since")
    enroll(browser(alice), alice)
    assert who(other) == NOBODY


@pytest.mark.parametrize("garbage", [None, 1, "x", [], [9e9], {}, True, float("nan"), float("inf"), 10**400, "9e9"])
def test_garbage_in_the_mark_is_no_trust(alice, garbage):
    other = browser(alice)
    enroll(browser(alice), alice)
    plant(other, alice, since=garbage)
    assert who(other) == NOBODY


def test_the_mark_of_another_user_says_nothing(alice, bob):
    enroll(browser(alice), alice)
    other = browser(bob)
    session = other.session
    session["_auth_user_id"], session["_auth_user_hash"] = str(alice.pk), alice.get_session_auth_hash()
    session.save()
    plant(other, bob, since=9e9)
    assert who(other) == NOBODY


def test_a_session_with_a_user_written_back_by_an_old_login_is_caught_within_the_recheck_time(alice, phone):
    with time_machine.travel(NOON, tick=False) as clock:
        mine, other = verified_browser(alice, phone), verified_browser(alice, phone)
        stale = User.objects.get(pk=alice.pk)
        clock.shift(60)
        remove(mine, phone)
        stale.save()  # a careless writer of whole rows puts the old last_login back
        assert who(other) == NOBODY
        assert who(mine)["user"] == "alice"
        clock.shift(301)
        assert who(mine)["user"] == "alice"


def test_a_slow_clock_ends_a_session_that_began_by_a_faster_one(alice):
    with time_machine.travel(NOON, tick=False) as clock:
        other = browser(alice)
        clock.shift(-30)
        ending.end_all(alice)
        assert who(other) == NOBODY


@pytest.mark.parametrize("how", ["enrollment", "removal"])
def test_the_end_is_announced_once_with_what_it_was_for(alice, told, how, django_capture_on_commit_callbacks):
    mine = browser(alice)
    with django_capture_on_commit_callbacks(execute=True):
        device = enroll(mine, alice)
    if how == "removal":
        told.clear()
        with django_capture_on_commit_callbacks(execute=True):
            remove(mine, device)
    assert [facts for event, facts in told if event == "sessions_ended"] == [{"how": how}]


def test_support_ends_every_session_of_one_user(alice, bob, staff, phone, told, django_capture_on_commit_callbacks):
    browsers = [verified_browser(alice, phone), browser(bob)]
    with django_capture_on_commit_callbacks(execute=True):
        assert ending.end_all(alice, "support", actor=staff) == 0
    assert who(browsers[0]) == NOBODY
    assert who(browsers[1])["user"] == "bob"
    assert told == [("sessions_ended", {"how": "support"})]


def test_the_last_device_that_support_deletes_in_the_admin_ends_the_sessions_and_no_other_device_does(client, alice, staff, phone):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)
    mine = verified_browser(alice, phone)
    login_verified(client, staff)
    client.post(f"/admin/otp_totp/totpdevice/{tablet.pk}/delete/", {"post": "yes"})
    assert not TOTPDevice.objects.filter(pk=tablet.pk).exists()
    assert who(mine)["user"] == "alice"
    client.post(f"/admin/otp_totp/totpdevice/{phone.pk}/delete/", {"post": "yes"})
    assert not TOTPDevice.objects.filter(user=alice).exists()
    assert who(mine) == NOBODY
    assert who(client)["user"] == "staff"


def test_the_session_that_ends_the_others_goes_on_when_nothing_was_done_before(rf, client, alice, bob):
    mine, other = browser(alice), browser(alice)
    request = rf.get("/")
    request.session, request.user = mine.session, alice
    old_key = request.session.session_key
    assert ending.end_others(request, alice) == 0
    request.session.save()
    assert request.session.session_key != old_key
    mine.cookies["sessionid"] = request.session.session_key
    assert who(mine)["user"] == "alice"
    assert who(other) == NOBODY


# Somebody else's session


def test_support_that_looks_at_the_site_as_a_user_is_not_thrown_out(alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.ImpersonatingAdapter"
    support = Client()
    login_verified(support, alice, phone)
    session = support.session
    session["is_impersonation"] = True
    session.save()
    mine = verified_browser(alice, phone)
    remove(mine, phone)
    assert who(support)["user"] == who(support)["user"] == "alice"
    session = support.session
    del session["is_impersonation"]
    session.save()
    assert who(support) == NOBODY


def test_a_user_who_comes_by_a_token_has_no_session_that_could_be_over(alice, settings):
    at = settings.MIDDLEWARE.index("django_otp.middleware.OTPMiddleware")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], "tests.attacks.middleware.user_of_token", *settings.MIDDLEWARE[at:]]
    mine = browser(alice)
    remove(mine, enroll(mine, alice))
    assert Client().get("/who/", headers={"X-Token": "alice"}).json() == {"user": "alice", "key": None}


# Races


def test_of_two_first_enrollments_at_once_the_second_needs_more_than_the_password(alice):
    slow = browser(alice)
    slow.get(ADD)
    waiting = TOTPDevice.objects.get(confirmed=False)
    code = code_of(waiting)

    def be_faster(instance, **_facts):
        post_init.disconnect(be_faster, TOTPDevice)
        TOTPDevice.objects.create(user=alice, confirmed=True)

    # The page has found no factor and loads the device that waits; right then another session confirms one.
    post_init.connect(be_faster, TOTPDevice)
    slow.post(ADD, {"otp_token": code})
    waiting.refresh_from_db()
    assert not waiting.confirmed
    assert "otp_device_id" not in slow.session


def test_the_loser_of_two_first_enrollments_is_logged_out(alice):
    first, second = browser(alice), browser(alice)
    second.get(ADD)
    enroll(first, alice)
    response = second.post(ADD, {"otp_token": "123456"})
    assert response["Location"].startswith(reverse("account_login"))
    assert not is_logged_in(second)


def test_a_pending_login_from_before_the_enrollment_needs_the_factor(alice, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    halfway = browser(alice)
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    enroll(browser(alice), alice)
    assert who(halfway) == NOBODY


# Session fixation


@pytest.mark.parametrize("change", ["enrollment", "removal"])
def test_a_planted_key_is_not_the_one_that_goes_on(alice, phone, change):
    if change == "enrollment":
        phone.delete()
        mine = browser(alice)
    else:
        mine = verified_browser(alice, phone)
    thief = Client()
    thief.cookies["sessionid"] = planted = mine.cookies["sessionid"].value
    if change == "enrollment":
        enroll(mine, alice)
    else:
        remove(mine, phone)
    assert mine.cookies["sessionid"].value != planted
    assert who(thief) == NOBODY


# User models


def test_a_login_that_no_clock_was_written_for_is_asked_about_each_time(alice):
    """Where a project has taken Django's receiver away, or a session is written by hand, there is no last_login."""
    User.objects.update(last_login=None)
    alice.refresh_from_db()
    other = Client()
    give_password(other, alice)
    User.objects.update(last_login=None)
    assert who(other)["user"] == "alice"
    enroll(browser(alice), alice)
    assert who(other) == NOBODY


@pytest.fixture
def no_last_login():
    """Take away what keeps ``last_login``, as a project may."""
    kept = list(user_logged_in.receivers)
    user_logged_in.disconnect(update_last_login, dispatch_uid="update_last_login")
    yield
    # Connected again it would come last, and other tests count what it costs to find out about a login.
    user_logged_in.receivers[:] = kept


def test_without_djangos_receiver_the_sessions_end_too(no_last_login, alice):
    mine, other = browser(alice), browser(alice)
    device = enroll(mine, alice)
    assert who(other) == NOBODY
    assert who(mine)["user"] == "alice"
    assert who(verified_browser(alice, device))["user"] == "alice"


def test_an_answer_in_an_ended_session_is_no_answer(alice):
    other = browser(alice)
    device = enroll(browser(alice), alice)
    TOTPDevice.objects.update(last_t=-1)
    response = give_answer(other, code_of(device))
    assert response["Location"].startswith(reverse("account_login"))
    assert not is_logged_in(other)


@pytest.mark.parametrize("ahead", [-60, 0, 60])
def test_a_login_on_another_host_after_the_user_was_read_is_over_too(alice, ahead):
    """The clock of that host may be ahead of ours."""
    stale = User.objects.get(pk=alice.pk)
    elsewhere = timezone.now() + timedelta(seconds=ahead)
    User.objects.filter(pk=alice.pk).update(last_login=elsewhere)
    with transaction.atomic():
        lock_user(stale.pk)
        before = ending.invalidate(stale)
    assert before > elsewhere
    alice.refresh_from_db()
    assert alice.last_login == before == SessionsEnd.objects.get(user=alice).before


def test_sessions_that_end_twice_leave_one_row_with_the_later_moment(alice):
    for _ in range(2):
        with transaction.atomic():
            lock_user(alice.pk)
            before = ending.invalidate(alice)
    assert [end.before for end in SessionsEnd.objects.filter(user=alice)] == [before]
