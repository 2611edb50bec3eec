"""The requirement: who has to have a second factor sets it up in the middle of the login, or in the running session."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryCode
from allauth_2fa.models.exemptions import Exemption, FirstMet
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, drop, give_answer, give_password, is_logged_in, is_pending, log_in, wrong_code_of

pytestmark = pytest.mark.django_db

SETUP = "/accounts/two-factor/setup/"
ENROLL = "/accounts/two-factor/factors/enroll/"
CODES = "/accounts/two-factor/backup-tokens/"
OVERVIEW = "/accounts/two-factor/factors/"
SCRIPT = {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}
NOW = dt.datetime(2026, 9, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def required(settings):
    """Everybody needs a second factor."""
    settings.ALLAUTH_2FA_REQUIRED = "everyone"


@pytest.fixture
def clock():
    """Stand still at noon on the first of September."""
    with time_machine.travel(NOW, tick=False) as moving:
        yield moving


@pytest.fixture
def running(client, alice, settings):
    """A session of Alice's from before the requirement came."""
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    return client


def waiting():
    return TOTPDevice.objects.get(confirmed=False)


def set_up(client, query=""):
    """Scan the code and give back the first one."""
    client.get(SETUP + query)
    return client.post(SETUP + query, {"otp_token": code_of(waiting())})


def exempt(user, **facts):
    return Exemption.objects.create(user=user, reason="robot", **{"expires_at": timezone.now() + dt.timedelta(days=1), **facts})


# At the login


@pytest.mark.usefixtures("required")
def test_a_required_user_without_a_factor_is_led_to_the_setup_and_no_session_exists_before_it_is_done(client, alice):
    response = give_password(client, alice, "?next=/private/")
    assert response["Location"] == ENROLL
    assert not is_logged_in(client)
    assert is_pending(client)
    assert client.get(ENROLL)["Location"] == SETUP
    page = client.get(SETUP)
    assert page.status_code == 200
    assert "You are signing in as <strong>alice</strong>." in page.text
    response = client.post(SETUP, {"otp_token": code_of(waiting()), "name": "Phone"})
    assert response["Location"] == f"{CODES}?next=%2Fprivate%2F"
    device = TOTPDevice.objects.get()
    assert (device.confirmed, device.name) == (True, "Phone")
    assert client.session["otp_device_id"] == device.persistent_id
    assert not is_pending(client)
    page = client.get(response["Location"])
    assert len(page.context["backup_tokens"]) == RecoveryCode.objects.count() == 10
    assert page.context["next_url"] == "/private/"
    assert "alice" in client.get("/private/").text


@pytest.mark.usefixtures("required")
def test_a_wrong_code_at_the_setup_leaves_the_login_waiting(client, alice):
    give_password(client, alice)
    client.get(SETUP)
    response = client.post(SETUP, {"otp_token": wrong_code_of(waiting())})
    assert response.context["form"].errors["otp_token"][0].startswith("That code is not right.")
    assert is_pending(client)
    assert not is_logged_in(client)
    assert client.post(SETUP, {"action": "replace"})["Location"] == SETUP
    assert set_up(client).status_code == 302
    assert is_logged_in(client)


@pytest.mark.usefixtures("required")
def test_the_app_can_be_added_on_the_page_for_any_device_too(client, alice):
    give_password(client, alice)
    add = reverse("two-factor-add", args=["totp"])
    page = client.get(add)
    assert "Cancel" in page.text
    response = client.post(add, {"otp_token": code_of(waiting())})
    assert response["Location"] == CODES
    assert is_logged_in(client)


@pytest.mark.usefixtures("required")
def test_a_setup_that_was_restarted_elsewhere_restarts(client, alice):
    give_password(client, alice)
    add = reverse("two-factor-add", args=["totp"])
    client.get(add)
    TOTPDevice.objects.all().delete()
    assert client.post(add, {"otp_token": "123456"})["Location"] == add
    assert is_pending(client)


@pytest.mark.usefixtures("required")
def test_a_required_user_with_a_factor_answers_and_is_asked_for_nothing_else(client, alice, phone):
    assert log_in(client, alice, phone)["Location"] == "/"
    assert "alice" in client.get("/").text


@pytest.mark.parametrize(
    ("required", "names"),
    [
        ("nobody", ""),
        ("everyone", "alice staff clerk"),
        ("staff", "staff clerk"),
        ("superusers", "staff"),
        (["superusers", "group:Accounting"], "staff alice"),
        ("group:Nobody's", ""),
        ([], ""),
        ("tests.journeys.adapters.is_alice", "alice"),
        (lambda user: user.username == "clerk", "clerk"),
    ],
)
def test_a_user_who_is_required_is_led_to_the_setup_and_nobody_else(alice, staff, django_user_model, settings, required, names):
    clerk = django_user_model.objects.create_user("clerk", "clerk@example.com", PASSWORD, is_staff=True)
    alice.groups.create(name="Accounting")
    settings.ALLAUTH_2FA_REQUIRED = required
    for user in (alice, staff, clerk):
        browser = Client()
        is_led = give_password(browser, user)["Location"] == ENROLL
        assert is_led == (user.username in names.split()), user
        assert is_logged_in(browser) != is_led


@pytest.mark.usefixtures("required")
def test_an_exemption_admits_a_user_until_it_runs_out(client, alice, clock):
    exempt(alice, expires_at=NOW + dt.timedelta(days=3))
    give_password(client, alice)
    assert "alice" in client.get("/").text
    clock.shift(dt.timedelta(days=3))
    assert client.get("/")["Location"] == f"{SETUP}?next=%2F"
    assert give_password(Client(), alice)["Location"] == ENROLL


@pytest.mark.usefixtures("required")
def test_an_exemption_of_another_user_or_one_that_was_ended_exempts_nobody(alice, bob):
    exempt(bob)
    exempt(alice, ended_at=timezone.now())
    assert give_password(Client(), alice)["Location"] == ENROLL


@pytest.mark.usefixtures("required")
def test_an_exemption_that_is_granted_while_the_login_waits_lets_it_go_on(client, alice):
    give_password(client, alice, "?next=/private/")
    exempt(alice)
    assert client.get(ENROLL)["Location"] == "/private/"
    assert "alice" in client.get("/private/").text


@pytest.mark.usefixtures("required")
def test_cancel_ends_the_login_that_waits(client, alice):
    give_password(client, alice)
    client.post(reverse("account_logout"), {"next": reverse("account_login")})
    assert not is_pending(client)
    assert client.get(SETUP)["Location"] == f"/accounts/login/?next={SETUP}"


@pytest.mark.usefixtures("required")
def test_the_page_of_the_choice_leads_a_user_who_is_logged_in_to_the_overview(client, alice, phone):
    login_verified(client, alice, phone)
    assert client.get(ENROLL)["Location"] == OVERVIEW


def test_the_page_of_the_choice_leads_everybody_else_to_the_login(client):
    assert client.get(ENROLL)["Location"] == f"/accounts/login/?next={ENROLL}"


@pytest.mark.usefixtures("required")
def test_where_no_device_can_be_added_by_users_the_page_says_so_and_nobody_gets_in(client, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"everyone": []}
    give_password(client, alice)
    page = client.get(ENROLL)
    assert "you can't add yourself" in page.text
    assert client.get(SETUP)["Location"] == ENROLL
    assert client.get(reverse("two-factor-add", args=["totp"])).status_code == 404
    assert not is_logged_in(client)


# Dates


@pytest.mark.usefixtures("required")
def test_a_grace_period_begins_when_the_requirement_first_meets_the_user_and_then_ends(alice, clock, settings):
    settings.ALLAUTH_2FA_GRACE_PERIOD = 10
    first = Client()
    give_password(first, alice)
    assert "alice" in first.get("/").text
    assert FirstMet.objects.get().since == NOW
    clock.shift(dt.timedelta(days=9, hours=23))
    second = Client()
    give_password(second, alice)
    assert "alice" in second.get("/").text
    assert FirstMet.objects.get().since == NOW
    clock.shift(dt.timedelta(hours=1))
    assert first.get("/")["Location"] == f"{SETUP}?next=%2F"
    assert second.get("/")["Location"] == f"{SETUP}?next=%2F"
    assert give_password(Client(), alice)["Location"] == ENROLL


@pytest.mark.parametrize("day", [dt.date(2026, 9, 3), dt.datetime(2026, 9, 3, tzinfo=dt.UTC), dt.datetime(2026, 9, 3)])  # noqa: DTZ001 - as people write it
@pytest.mark.usefixtures("required")
def test_nothing_is_due_before_the_day_on_which_the_requirement_begins(alice, clock, settings, day):
    settings.TIME_ZONE = "UTC"
    settings.ALLAUTH_2FA_REQUIRED_FROM = day
    browser = Client()
    give_password(browser, alice)
    assert "alice" in browser.get("/").text
    clock.move_to(dt.datetime(2026, 9, 2, 23, 59, tzinfo=dt.UTC))
    assert "alice" in browser.get("/").text
    clock.move_to(dt.datetime(2026, 9, 3, tzinfo=dt.UTC))
    assert browser.get("/")["Location"] == f"{SETUP}?next=%2F"


@pytest.mark.usefixtures("required")
def test_a_user_who_met_the_requirement_late_keeps_the_grace_period_beyond_that_day(alice, bob, clock, settings):
    settings.ALLAUTH_2FA_REQUIRED_FROM = dt.date(2026, 9, 11)
    settings.ALLAUTH_2FA_GRACE_PERIOD = 5
    give_password(Client(), alice)
    clock.shift(dt.timedelta(days=9))
    give_password(Client(), bob)
    clock.shift(dt.timedelta(days=2))
    assert give_password(Client(), alice)["Location"] == ENROLL
    assert give_password(Client(), bob)["Location"] == "/"


# In a running session


def test_a_running_session_is_led_to_the_setup_and_goes_on_after_it(running):
    response = running.get("/private/?a=1")
    assert response["Location"] == f"{SETUP}?next=%2Fprivate%2F%3Fa%3D1"
    assert is_logged_in(running)
    response = set_up(running, "?next=/private/")
    assert response["Location"] == f"{CODES}?next=%2Fprivate%2F"
    assert running.get(response["Location"]).status_code == 200
    assert "alice" in running.get("/private/").text


@pytest.mark.parametrize(
    "name",
    [
        *("account_logout", "account_change_password", "account_reset_password"),
        *("two-factor-setup", "two-factor-overview", "mfa_index"),
    ],
)
def test_what_the_setup_needs_stays_open_and_so_do_logout_and_the_password(running, name):
    page = running.get(reverse(name))
    assert page.status_code == 200
    assert page.context["user"].username == "alice"


def test_an_authentication_that_is_too_old_is_repeated_on_the_way_to_the_setup(client, alice, settings):
    with time_machine.travel(NOW, tick=False) as clock:
        give_password(client, alice)
        settings.ALLAUTH_2FA_REQUIRED = "everyone"
        clock.shift(301)
        response = client.get(client.get("/private/")["Location"])
        assert response["Location"].startswith("/accounts/reauthenticate/?next=")
        assert client.get(response["Location"]).status_code == 200
        response = client.post(response["Location"], {"password": PASSWORD})
        assert response["Location"] == f"{SETUP}?next=%2Fprivate%2F"
        assert set_up(client, "?next=/private/").status_code == 302
        assert "alice" in client.get("/private/").text


def test_a_user_without_a_password_logs_in_again_and_sets_up_at_the_login(client, alice, settings):
    alice.set_unusable_password()
    alice.save()
    client.force_login(alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    response = client.get(client.get("/")["Location"])
    assert response["Location"].startswith("/accounts/login/?next=")
    assert not is_logged_in(client)


def test_a_logout_ends_the_session(running):
    running.post(reverse("account_logout"))
    assert not is_logged_in(running)


def test_a_script_is_told_what_is_missing(running):
    response = running.get("/private/", headers=SCRIPT)
    assert response.status_code == 403
    assert response.json() == {
        "status": 403,
        "detail": "This site requires two-factor authentication. Set it up first.",
        "data": {"flows": [{"id": "two_factor_enrollment", "is_pending": True, "url": SETUP, "types": ["totp"]}]},
        "meta": {"is_authenticated": True},
    }


def test_a_page_that_asks_for_nobody_is_served(running):
    response = running.get("/plain/")
    assert response.text == "plain"
    assert "Cookie" not in response.headers.get("Vary", "")


def test_an_unknown_page_is_not_found(running):
    assert running.get("/nowhere/").status_code == 404


def test_a_form_leads_back_to_its_page(running):
    response = running.post("/", headers={"Referer": "http://testserver/form/"})
    assert response["Location"] == f"{SETUP}?next=http%3A%2F%2Ftestserver%2Fform%2F"


def test_what_the_view_put_on_its_response_survives(running):
    response = running.get("/cookie/")
    assert response["Location"] == f"{SETUP}?next=%2Fcookie%2F"
    assert response.cookies["taste"].value == "sweet"


def test_a_host_can_exempt_a_request(running, settings):
    settings.ACCOUNT_ADAPTER = "tests.journeys.adapters.ExemptingAdapter"
    assert "alice" in running.get("/").text


def test_what_was_not_due_is_believed_for_the_recheck_time_and_no_longer(client, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "tests.journeys.adapters.is_carol"
    with time_machine.travel(NOW, tick=False) as clock:
        give_password(client, alice)
        assert "alice" in client.get("/").text
        type(alice).objects.filter(pk=alice.pk).update(last_name="Carol")
        clock.shift(299)
        assert "alice" in client.get("/").text
        clock.shift(1)
        assert client.get("/")["Location"] == f"{SETUP}?next=%2F"


def test_a_session_that_a_recovery_code_has_verified_needs_a_factor_when_the_last_one_is_gone(client, alice, phone, settings):
    code = str(RecoveryCode.device.field.related_model.renew(alice.pk, 1)[0])
    give_password(client, alice)
    give_answer(client, code)
    assert "alice" in client.get("/").text
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    drop(TOTPDevice.objects.all())
    assert client.get("/")["Location"] == f"{SETUP}?next=%2F"


# The banner


@pytest.mark.usefixtures("required")
def test_the_banner_counts_down_and_leads_to_the_setup(client, alice, clock, settings):
    settings.ALLAUTH_2FA_GRACE_PERIOD = 3
    give_password(client, alice)
    page = client.get(OVERVIEW).text
    assert "From Sept. 4, 2026 you will need two-factor authentication here." in page
    assert "3 days left." in page
    assert f'href="{SETUP}"' in page
    clock.shift(dt.timedelta(days=2, hours=1))
    assert "1 day left." in client.get(OVERVIEW).text
    clock.shift(dt.timedelta(days=1))
    assert "Set it up to continue." in client.get(OVERVIEW).text


@pytest.mark.usefixtures("required")
def test_the_banner_is_shown_to_nobody_else(client, alice, phone, bob):
    exempt(bob)
    login_verified(client, alice, phone)
    assert "requires two-factor authentication." not in client.get(OVERVIEW).text
    other = Client()
    give_password(other, bob)
    for _visit in range(2):
        assert "requires two-factor authentication" not in other.get(OVERVIEW).text


def test_the_banner_says_nothing_where_nothing_is_required(client, alice):
    give_password(client, alice)
    assert "requires two-factor authentication" not in client.get(OVERVIEW).text


@pytest.mark.usefixtures("required")
def test_the_banner_can_stand_on_pages_of_anonymous_visitors_and_on_those_of_no_request(rf):
    banner = Template("{% load allauth_2fa %}{% two_factor_requirement %}")
    request = rf.get("/")
    assert banner.render(Context()).strip() == ""
    assert banner.render(Context({"request": request})).strip() == ""
    request.user = AnonymousUser()
    assert banner.render(Context({"request": request})).strip() == ""


# Removal


@pytest.mark.usefixtures("required")
def test_the_last_device_is_not_removed_while_a_second_factor_is_required(client, alice, phone):
    login_verified(client, alice, phone)
    page = client.get(OVERVIEW).text
    assert "you can't turn it off" in page
    remove = reverse("two-factor-remove")
    assert remove not in page
    for response in (client.get(remove), client.post(remove, {"otp_token": code_of(phone)})):
        assert response["Location"] == OVERVIEW
    assert "this is your last device for it" in client.get(OVERVIEW).text
    assert client.post(reverse("two-factor-remove-device", args=[phone.persistent_id]))["Location"] == OVERVIEW
    assert TOTPDevice.objects.count() == 1


@pytest.mark.usefixtures("required")
def test_one_device_of_two_is_removed(client, alice, phone):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-remove-device", args=[tablet.persistent_id]))
    assert TOTPDevice.objects.get() == phone


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize("spared", ["exempt", "too early"])
def test_a_user_who_is_spared_the_requirement_may_turn_the_second_factor_off(client, alice, phone, settings, spared):
    if spared == "exempt":
        exempt(alice)
    else:
        settings.ALLAUTH_2FA_REQUIRED_FROM = timezone.now().date() + dt.timedelta(days=7)
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-remove"), {"otp_token": code_of(phone)})
    assert not TOTPDevice.objects.exists()
    assert "alice" in client.get("/").text


# The admin


def test_the_admin_is_no_way_round(client, staff, settings):
    settings.ALLAUTH_2FA_REQUIRED = "staff"
    response = client.post("/admin/login/?next=/admin/auth/user/", {"username": staff.username, "password": PASSWORD})
    assert response["Location"] == ENROLL
    assert not is_logged_in(client)
    response = set_up(client)
    assert response["Location"] == f"{CODES}?next=%2Fadmin%2Fauth%2Fuser%2F"
    assert client.get("/admin/auth/user/").status_code == 200


def test_the_admins_logout_and_password_stay_open(client, staff, settings):
    client.force_login(staff)
    settings.ALLAUTH_2FA_REQUIRED = "staff"
    assert client.get("/admin/")["Location"] == f"{SETUP}?next=%2Fadmin%2F"
    assert client.get("/admin/password_change/").status_code == 200
    assert client.post("/admin/logout/").status_code == 200
    assert not is_logged_in(client)
