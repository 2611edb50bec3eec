"""A browser that the owner has used: nobody empties its budget from elsewhere."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.browsers import device_cookie
from allauth_2fa.models import Browser
from tests.budget.conftest import DAY, HOUR, MINUTE, Caller, Person, budget_of_new_browsers, empty
from tests.budget.test_windows import most_within
from tests.cast import code_of, give_password, wrong_code_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(owner, clock):
    """Alice's browser, in which she has verified, some time later."""
    assert owner.log_in() == "in"
    clock.shift(MINUTE)
    owner.begin()
    return owner


def test_an_empty_budget_of_new_browsers_locks_no_known_browser(known, stranger, alice, clock):
    stranger.guess(6)
    assert known.log_in() == "in"
    empty(alice)
    clock.shift(MINUTE)
    assert known.log_in() == "in"


def test_a_known_browser_has_a_budget_of_its_own(known_caller, alice, phone, clock):
    judged = known_caller.besiege(clock, DAY)
    assert len(judged) == 50
    assert [most_within(judged, seconds) for seconds in (5 * MINUTE, HOUR)] == [5, 20]
    assert not budget_of_new_browsers(alice).failures
    assert Caller(alice, phone).guess(6) == ["refused"] * 5 + ["throttled"]


def test_a_hundred_failures_in_a_row_lock_a_known_browser(known_caller, alice, phone, clock):
    judged = 0
    while (outcome := known_caller.guess()[0]) != "locked":
        judged += outcome == "refused"
        clock.shift(30 * MINUTE)
    assert judged == 100
    clock.shift(400 * DAY)
    assert known_caller.log_in() == "locked"
    # All others are judged on their own.
    assert Caller(alice, phone).log_in() == "in"


def test_the_page_says_that_it_is_this_browser_that_is_locked(known, alice):
    empty(alice, known=True)
    page = known.client.get(reverse("two-factor-authenticate")).text
    assert "Codes from this browser are blocked" in page


def test_a_success_starts_the_row_again(known, alice, clock):
    known.guess(3)
    assert Browser.objects.get().in_a_row == 3
    assert known.log_in() == "in"
    assert Browser.objects.get().in_a_row == 0
    # The failures stay in their windows.
    clock.shift(MINUTE)
    known.begin()
    assert known.guess(3) == ["refused", "refused", "throttled"]


def test_the_cookie_holds_one_value_a_user(known, staff):
    for _ in range(3):
        assert known.log_in() in {"in", "used"}
        assert len(known.client.cookies[device_cookie.COOKIE].value.split(".")) == 1


def test_the_cookie_of_another_user_is_worth_nothing(known, stranger, staff, clock):
    tablet = TOTPDevice.objects.create(user=staff)
    other = Person(staff, tablet)
    assert other.log_in() == "in"
    stranger.guess(5)
    stranger.client.cookies[device_cookie.COOKIE] = other.client.cookies[device_cookie.COOKIE].value
    assert stranger.guess() == ["throttled"]


@pytest.mark.parametrize("cookie", ["", "x" * 24, ".".join(["x" * 24] * 5), "1", "%00", "a.b.c"])
def test_a_forged_cookie_is_worth_nothing(stranger, cookie):
    stranger.guess(5)
    stranger.client.cookies[device_cookie.COOKIE] = cookie
    assert stranger.guess() == ["throttled"]


def test_the_digest_from_the_database_is_no_cookie(known, stranger):
    stranger.guess(5)
    stranger.client.cookies[device_cookie.COOKIE] = Browser.objects.get().digest
    assert stranger.guess() == ["throttled"]


def test_a_revoked_browser_is_one_of_the_strangers(known, stranger):
    stranger.guess(5)
    Browser.objects.all().delete()
    assert known.guess() == ["throttled"]


def test_a_stolen_cookie_is_one_of_the_strangers_once_its_owner_has_logged_in_again(known, stranger, clock):
    stranger.client.cookies[device_cookie.COOKIE] = known.client.cookies[device_cookie.COOKIE].value
    assert stranger.guess() == ["refused"]
    assert Browser.objects.get().in_a_row == 1
    assert known.log_in() == "in"
    assert stranger.guess(6) == ["refused"] * 5 + ["throttled"]
    assert Browser.objects.get().in_a_row == 0


def test_an_app_that_strangers_make_wait_does_not_wait_in_a_known_browser(known, stranger, phone, settings, clock):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    TOTPDevice.objects.update(throttling_failure_count=17, throttling_failure_timestamp="2026-01-01T00:00:00Z")
    assert stranger.say(code_of(phone)) == "throttled"
    assert known.log_in() == "in"


def test_a_typo_in_a_known_browser_does_not_wait_for_what_strangers_did(known, phone, settings, clock):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    TOTPDevice.objects.update(throttling_failure_count=17, throttling_failure_timestamp="2025-01-01T00:00:00Z")
    assert known.guess(2) == ["refused", "throttled"]
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 18
    clock.shift(1)
    assert known.say(code_of(phone)) == "in"


def test_an_app_waits_for_the_wrong_codes_of_the_known_browser_itself(known, phone, settings, clock):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    for seconds in (1, 2, 4):
        assert known.guess(2) == ["refused", "throttled"]
        clock.shift(seconds - 0.5)
        assert known.say(wrong_code_of(phone)) == "throttled"
        clock.shift(0.5)
    assert known.say(code_of(phone)) == "in"


def test_what_was_taken_for_an_answer_that_was_not_judged_is_given_back(known, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    known.guess(5)
    row = Browser.objects.get()
    assert (row.in_a_row, len(row.failures.split())) == (1, 1)


def test_reauthentication_and_removal_charge_the_same_budget(known, phone, alice, clock):
    assert known.log_in() == "in"
    clock.shift(HOUR)
    for page in ("two-factor-reauthenticate", "two-factor-remove"):
        for _ in range(2):
            response = known.client.post(reverse(page), {"otp_token": wrong_code_of(phone)})
            assert "That code is not right" in response.text
    assert known.client.post(reverse("two-factor-remove"), {"otp_token": wrong_code_of(phone)}).status_code == 200
    for page in ("two-factor-reauthenticate", "two-factor-remove"):
        response = known.client.post(reverse(page), {"otp_token": code_of(phone)})
        assert "Too many tries" in response.text
    assert Browser.objects.get().in_a_row == 5
    assert not budget_of_new_browsers(alice).failures


def test_a_session_without_the_cookie_charges_the_budget_of_new_browsers(known, phone, alice, clock):
    """A user who has stolen a session, and nothing else."""
    assert known.log_in() == "in"
    clock.shift(HOUR)
    known.client.cookies.pop(device_cookie.COOKIE)
    known.client.post(reverse("two-factor-reauthenticate"), {"otp_token": wrong_code_of(phone)})
    assert len(budget_of_new_browsers(alice).failures) == 1


def test_a_reauthentication_makes_a_browser_known(known, phone, clock):
    assert known.log_in() == "in"
    clock.shift(HOUR)
    known.client.cookies.pop(device_cookie.COOKIE)
    known.client.post(reverse("two-factor-reauthenticate"), {"otp_token": code_of(phone)})
    assert device_cookie.COOKIE in known.client.cookies
    assert Browser.objects.count() == 2


def test_the_first_enrollment_makes_a_browser_known(client, bob):
    give_password(client, bob)
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get(user=bob)
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    assert Browser.objects.get().user == bob
