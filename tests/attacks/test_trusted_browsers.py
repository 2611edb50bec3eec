"""Attack: get past the second factor by a browser that is trusted, was trusted, or never was."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db.models.signals import post_save
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.browsers import device_cookie, trust, trust_rows
from allauth_2fa.devices import manage, turn_off
from allauth_2fa.factors import registry
from allauth_2fa.models import Browser
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.state.request import request_state
from allauth_2fa.testing import login_verified
from tests.attacks.test_other_login_views import NOBODY, who
from tests.browsers import cast
from tests.browsers.cast import come_back, cookie_of, leave, next_code_of, with_cookie
from tests.cast import PASSWORD, drop, give_answer, give_password, is_logged_in, is_pending, noted, plant, wrong_code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

BROWSERS = "/accounts/two-factor/factors/browsers/"


@pytest.fixture(autouse=True)
def _allowed(settings):
    settings.ALLAUTH_2FA_TRUST_DAYS = 30


@pytest.fixture
def clock():
    with time_machine.travel(1_750_000_005, tick=False) as traveller:
        yield traveller


@pytest.fixture
def trusted(client, alice, phone):
    """A browser that Alice trusts, in which nobody is logged in."""
    cast.trust(client, alice, phone)
    leave(client)
    return client


# Which cookie


def test_the_cookie_of_another_user_is_worth_nothing(trusted, bob):
    TOTPDevice.objects.create(user=bob)
    give_password(trusted, bob)
    assert is_pending(trusted)
    assert not is_logged_in(trusted)


@pytest.mark.parametrize("forged", ["", "x" * 24, "x" * 24 + "." + "y" * 24, ".", "0", "ä" * 24])
def test_a_forged_cookie_is_worth_nothing(trusted, alice, forged):
    thief = with_cookie(forged)
    give_password(thief, alice)
    assert is_pending(thief)


def test_what_the_table_holds_is_no_cookie(trusted, alice):
    for value in Browser.objects.values_list("digest", "trust", "superseded").get():
        thief = with_cookie(value[:24])
        give_password(thief, alice)
        assert is_pending(thief)


def test_a_browser_that_is_known_and_not_trusted_logs_nobody_in(client, alice, phone):
    give_password(client, alice)
    give_answer(client, next_code_of(phone))
    come_back(client, alice)
    assert is_pending(client)


def test_a_cookie_that_outlives_the_trust_is_worth_nothing(trusted, alice, clock):
    Browser.objects.update(trusted_until=timezone.now())
    give_password(trusted, alice)
    assert is_pending(trusted)


def test_without_the_password_the_cookie_opens_nothing(trusted, alice):
    trusted.post(reverse("account_login"), {"login": "alice", "password": "wrong"})
    assert not is_logged_in(trusted)
    assert not is_pending(trusted)
    assert who(trusted) == NOBODY


# A copy


def test_a_copy_is_found_out_when_both_have_been_used_and_neither_is_trusted_then(
    trusted, alice, clock, django_capture_on_commit_callbacks
):
    thief = with_cookie(cookie_of(trusted))
    give_password(thief, alice)
    assert is_logged_in(thief)
    clock.shift(61)
    with django_capture_on_commit_callbacks(execute=True):
        give_password(trusted, alice)
    assert is_pending(trusted)
    assert AuditEntry.objects.filter(event="browser_copied").count() == 1
    assert "used the same trusted browser cookie" in mail.outbox[-1].subject
    come_back(thief, alice)
    assert is_pending(thief)


def test_the_thief_who_comes_second_is_found_out_as_well_and_thrown_out(trusted, alice, clock):
    thief = with_cookie(cookie_of(trusted))
    give_password(trusted, alice)
    clock.shift(61)
    give_password(thief, alice)
    assert is_pending(thief)
    clock.shift(301)
    assert who(trusted) == NOBODY


def test_a_form_that_is_sent_twice_is_no_sign_of_a_copy(trusted, alice, clock):
    twin = with_cookie(cookie_of(trusted))
    give_password(trusted, alice)
    give_password(twin, alice)
    assert is_pending(twin)
    come_back(trusted, alice)
    assert is_logged_in(trusted)
    assert not AuditEntry.objects.filter(event="browser_copied").exists()


def test_an_old_copy_of_somebody_without_the_password_ends_nothing(trusted, alice, clock):
    thief = with_cookie(cookie_of(trusted))
    give_password(trusted, alice)
    clock.shift(61)
    thief.post(reverse("account_login"), {"login": "alice", "password": "wrong"})
    come_back(trusted, alice)
    assert is_logged_in(trusted)


# What ends it


def set_password(user, password):
    user.set_password(password)
    user.save()


def replace(tablet):
    tablet.delete()
    TOTPDevice.objects.create(user=tablet.user)


def turn_off_and_on(tablet):
    turn_off.remove_all(tablet.user)
    TOTPDevice.objects.create(user=tablet.user)


CHANGES = {
    "password": lambda tablet: set_password(tablet.user, "another one"),
    "same password again": lambda tablet: set_password(tablet.user, PASSWORD),
    "enrollment": lambda tablet: TOTPDevice.objects.create(user=tablet.user),
    "removal": manage.remove,
    "replacement": replace,
    "deactivation": lambda tablet: TOTPDevice.objects.filter(pk=tablet.pk).update(confirmed=False),
    "off and on": turn_off_and_on,
    "added and removed": lambda tablet: manage.remove(TOTPDevice.objects.create(user=tablet.user)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_password_or_devices_ends_trust_and_the_session_it_opened(client, alice, phone, change, clock):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    cast.trust(client, alice, phone)
    come_back(client, alice)
    assert is_logged_in(client)
    CHANGES[change](tablet)
    alice.refresh_from_db()
    assert trust.trusted(alice) == []
    clock.shift(301)
    assert who(client) == NOBODY
    leave(client)
    give_password(client, alice, password="another one" if change == "password" else PASSWORD)
    assert is_pending(client)


def test_a_password_reset_ends_trust(trusted, alice, client):
    alice.set_password("chosen again")
    alice.save()
    give_password(trusted, alice, password="chosen again")
    assert is_pending(trusted)


def test_a_deactivated_user_is_not_logged_in(trusted, alice):
    alice.is_active = False
    alice.save()
    give_password(trusted, alice)
    assert not is_logged_in(trusted)


def test_turning_the_setting_off_ends_all_trust_and_the_sessions_it_opened(trusted, alice, settings, clock):
    give_password(trusted, alice)
    settings.ALLAUTH_2FA_TRUST_DAYS = 0
    clock.shift(301)
    assert who(trusted) == NOBODY
    come_back(trusted, alice)
    assert is_pending(trusted)


def test_a_user_who_turned_the_second_factor_off_is_not_stopped(trusted, alice, clock):
    give_password(trusted, alice)
    drop(TOTPDevice.objects.all())
    clock.shift(301)
    assert who(trusted)["user"] == "alice"


def test_a_step_up_in_a_trusted_session_does_not_outlive_its_device(trusted, alice, phone, clock):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    cast.trust(trusted, alice, phone)
    come_back(trusted, alice)
    trusted.post(reverse("two-factor-reauthenticate"), {"otp_token": next_code_of(tablet), "device": tablet.persistent_id})
    assert trusted.session["otp_device_id"] == tablet.persistent_id
    manage.remove(tablet)
    clock.shift(301)
    assert who(trusted) == NOBODY


# How it is given


def is_trusting(alice):
    return Browser.objects.filter(trusted_until__isnull=False).exists() or bool(trust.trusted(alice))


@pytest.mark.parametrize("value", ["on", "true", "1"])
def test_a_forged_box_is_worth_nothing_where_the_site_trusts_no_browser(client, alice, phone, settings, value):
    settings.ALLAUTH_2FA_TRUST_DAYS = 0
    give_password(client, alice)
    give_answer(client, next_code_of(phone), trust=value)
    assert is_logged_in(client)
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
    assert not is_trusting(alice)


def test_a_forged_box_does_nothing_for_a_user_who_may_not_trust_browsers(client, staff, settings):
    phone = TOTPDevice.objects.create(user=staff)
    settings.ALLAUTH_2FA_TRUST_STAFF = False
    cast.trust(client, staff, phone)
    assert is_logged_in(client)
    assert not is_trusting(staff)


def test_a_recovery_code_gives_no_trust(client, alice, phone):
    codes = registry.recovery.renew(alice, 3)
    give_password(client, alice)
    give_answer(client, codes[0], trust="on")
    assert is_logged_in(client)
    assert not is_trusting(alice)


def test_a_readable_recovery_code_gives_no_trust(client, alice, phone):
    token = registry.static.renew(alice, 1)[0].token
    give_password(client, alice)
    give_answer(client, token, trust="on")
    assert is_logged_in(client)
    assert not is_trusting(alice)


@pytest.mark.parametrize("answer", [wrong_code_of, lambda _phone: "", lambda _phone: "x" * 24], ids=["wrong", "empty", "letters"])
def test_a_wrong_answer_gives_no_trust(client, alice, phone, answer):
    give_password(client, alice)
    give_answer(client, answer(phone), trust="on")
    assert not is_logged_in(client)
    assert not is_trusting(alice)


@pytest.mark.parametrize("page", ["account_login", "two-factor-reauthenticate", "two-factor-setup", "two-factor-browsers"])
def test_no_other_page_gives_trust(client, alice, phone, page):
    if page != "account_login":
        login_verified(client, alice, phone)
    client.post(reverse(page), {"login": "alice", "password": PASSWORD, "otp_token": next_code_of(phone), "trust": "on"})
    assert not is_trusting(alice)


def test_a_pending_login_gives_no_trust_before_it_is_finished(client, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    cast.trust(client, alice, phone)
    assert not is_logged_in(client)
    assert not is_trusting(alice)
    client.get("/later/")
    assert is_logged_in(client)
    assert is_trusting(alice)


@pytest.mark.parametrize("loss", ["revoked", "forbidden", "password", None])
def test_a_login_by_trust_is_not_finished_after_another_stage_if_the_trust_has_ended(trusted, alice, settings, loss):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(trusted, alice)
    assert not is_logged_in(trusted)
    if loss == "revoked":
        trust.revoke(alice, "owner")
    if loss == "password":
        alice.set_password("another one")
        alice.save()
    settings.ALLAUTH_2FA_TRUST_DAYS = 0 if loss == "forbidden" else 30
    response = trusted.get("/later/")
    assert is_logged_in(trusted) == (loss is None)
    assert loss is None or response["Location"] == reverse("account_login")


def test_what_a_login_by_trust_has_stored_is_not_carried_into_the_next_one(trusted, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(trusted, alice)
    trust.revoke(alice, "owner")
    leave(trusted)
    settings.ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"
    give_password(trusted, alice)
    assert is_pending(trusted)


# The session that it let in


def test_a_replayed_session_lives_no_longer_than_the_trust(trusted, alice, phone, settings, clock):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    give_password(trusted, alice)
    thief = Client()
    thief.cookies["sessionid"] = trusted.cookies["sessionid"].value
    trust.revoke(alice, "owner")
    clock.shift(301)
    assert who(thief) == NOBODY
    # The same browser is trusted once more; the session of the trust before does not live again.
    leave(trusted)
    cast.trust(trusted, alice, phone)
    thief.cookies["sessionid"] = thief.cookies["sessionid"].value
    assert is_trusting(alice)
    assert who(thief) == NOBODY


def test_a_session_of_an_ended_trust_does_not_live_again_with_the_next_one(trusted, alice, phone, clock):
    give_password(trusted, alice)
    old = trusted.cookies["sessionid"].value
    trust.revoke(alice, "owner")
    leave(trusted)
    cast.trust(trusted, alice, phone)
    clock.shift(301)
    thief = Client()
    thief.cookies["sessionid"] = old
    assert who(thief) == NOBODY


@pytest.mark.parametrize("mark", ["x", [], ["1"], {}, 1, True, ["other", 1, "name"], ["1", "x", "name"]])
def test_garbage_in_the_session_is_no_mark(client, rf, alice, phone, mark):
    request = rf.get("/")
    request.session = {"allauth_2fa": {"user": str(alice.pk), "trust": mark}}
    assert not trust.holds(request, alice)


def test_the_mark_of_one_user_serves_no_other(trusted, alice, bob, clock):
    bobs = TOTPDevice.objects.create(user=bob)
    give_password(trusted, alice)
    mark = noted(trusted)["trust"]
    thief = Client()
    login_verified(thief, bob, bobs)
    session = thief.session
    del session["otp_device_id"]
    session.save()
    plant(thief, bob, trust=mark)
    assert who(thief) == NOBODY


# The page


def test_nobody_sees_or_revokes_the_browsers_of_others(trusted, alice, bob, client):
    bobs = TOTPDevice.objects.create(user=bob)
    mallory = Client()
    login_verified(mallory, bob, bobs)
    assert mallory.get(BROWSERS).context["browsers"] == []
    key = Browser.objects.get(user=alice).pk
    for posted in ({"browser": key}, {"action": "all"}):
        mallory.post(BROWSERS, posted)
    give_password(trusted, alice)
    assert is_logged_in(trusted)


def test_a_look_revokes_nothing_and_another_site_cannot(alice, phone):
    client = Client(enforce_csrf_checks=True)
    login_verified(client, alice, phone)
    browser = Browser.objects.create(user=alice, digest="x", trusted_until=timezone.now() + timedelta(days=1), trust="x.y")
    client.get(f"{BROWSERS}?action=all&browser={browser.pk}")
    assert client.post(BROWSERS, {"action": "all"}).status_code == 403
    browser.refresh_from_db()
    assert browser.trusted_until


@pytest.mark.parametrize("agent", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)> Firefox Linux', "Firefox <b> Windows"])
def test_what_a_browser_calls_itself_is_not_shown(client, alice, phone, agent):
    client.defaults["HTTP_USER_AGENT"] = agent
    cast.trust(client, alice, phone)
    for page in (BROWSERS, "/accounts/two-factor/factors/"):
        assert agent not in html.unescape(client.get(page).text)


def test_a_name_in_the_table_is_escaped_all_the_same(client, alice, phone):
    cast.trust(client, alice, phone)
    Browser.objects.update(name="<script>")
    assert "<script>" not in client.get(BROWSERS).text.replace("<script src", "")


# At the same moment


def every_row(_user):
    return Browser.objects.all()


def test_a_revoke_that_comes_before_the_update_wins(trusted, alice, rf, django_capture_on_commit_callbacks):
    request = rf.get("/")
    request.COOKIES[device_cookie.COOKIE] = cookie_of(trusted)
    row = trust_rows.look(alice, every_row)[0][0]
    trust.revoke(alice, "owner")
    assert not trust._renew(request, alice, row)
    assert request_state(request).browser_cookie is None


def test_of_two_logins_with_one_value_only_one_needs_no_code(trusted, alice, rf):
    row = trust_rows.look(alice, every_row)[0][0]
    assert [trust._renew(rf.get("/"), alice, row) for _ in range(2)] == [True, False]


def test_a_copy_is_told_once(trusted, alice, rf):
    row = trust_rows.look(alice, every_row)[0][0]
    for _ in range(2):
        trust._tell_copied(rf.get("/"), alice, row)
    assert AuditEntry.objects.filter(event="browser_copied").count() == 1


def test_a_browser_that_was_forgotten_meanwhile_is_not_trusted(trusted, alice, rf):
    request = rf.get("/")
    stale = device_cookie.remember(request, alice)
    Browser.objects.all().delete()
    trust.grant(request, alice)
    assert not Browser.objects.filter(pk=stale.pk).exists()
    assert not is_trusting(alice)


def test_what_is_revoked_at_the_same_moment_elsewhere_is_announced_once(alice, phone):
    for _ in range(2):
        cast.trust(Client(), alice, phone)

    def somebody_else_is_faster(**_facts):
        Browser.objects.update(**trust.DISTRUSTED)

    post_save.connect(somebody_else_is_faster, sender=AuditEntry)
    try:
        assert trust.revoke(alice, "owner") == 1
    finally:
        post_save.disconnect(somebody_else_is_faster, sender=AuditEntry)
    assert AuditEntry.objects.filter(event="browser_revoked").count() == 1
