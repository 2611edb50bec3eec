"""Windows that slide: what is judged, when, and what the page says."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from allauth_2fa.factors import registry
from tests.budget.conftest import DAY, HOUR, MINUTE, Caller, Person, budget_of_new_browsers, empty
from tests.cast import code_of, give_password, is_logged_in

pytestmark = pytest.mark.django_db


def test_a_new_browser_has_five_tries_in_five_minutes(stranger, clock):
    assert stranger.guess(7) == ["refused"] * 5 + ["throttled"] * 2
    clock.shift(5 * MINUTE - 1)
    assert stranger.guess() == ["throttled"]
    clock.shift(1)
    assert stranger.guess(6) == ["refused"] * 5 + ["throttled"]


def test_windows_slide(stranger, clock):
    """With fixed ones, ten tries would be judged within two minutes."""
    clock.shift(4 * MINUTE)
    stranger.guess(5)
    clock.shift(2 * MINUTE)
    assert stranger.guess() == ["throttled"]
    clock.shift(3 * MINUTE)
    assert stranger.guess() == ["refused"]


def most_within(judged, seconds):
    """Return the largest number within any period of that many seconds."""
    return max(sum(begin <= moment < begin + seconds for moment in judged) for begin in judged)


def test_a_user_who_guesses_all_the_time_gets_no_more_out_of_any_window(caller, clock):
    judged = caller.besiege(clock, 364 * DAY)
    assert len(judged) == 33
    assert [most_within(judged, seconds) for seconds in (5 * MINUTE, HOUR, DAY)] == [5, 10, 20]
    assert caller.guess() == ["locked"]
    clock.shift(DAY)
    assert caller.guess() == ["refused"]


def test_a_clock_that_was_set_back_gives_nothing_back(stranger, clock):
    stranger.guess(5)
    clock.shift(-HOUR)
    stranger.begin()
    assert stranger.guess() == ["throttled"]
    clock.shift(HOUR + 5 * MINUTE)
    stranger.begin()
    assert stranger.guess(6) == ["refused"] * 5 + ["throttled"]


def test_a_clock_that_jumped_a_year_ahead_for_a_moment_forgets_nothing(stranger, alice, clock):
    empty(alice)
    clock.shift(400 * DAY)
    stranger.begin()
    assert stranger.guess() == ["refused"]
    clock.shift(-400 * DAY)
    stranger.begin()
    assert stranger.guess() == ["locked"]


def test_the_page_says_when_to_try_again(stranger, clock):
    stranger.guess(5)
    page = stranger.client.get(reverse("two-factor-authenticate")).text
    at = timezone.localtime() + timezone.timedelta(minutes=5)
    told = re.search(r"You can try again in 5 minutes \((\d+)(?::(\d+))? ", page)
    assert told, page
    assert (told[2] or "00") == f"{at:%M}"


def test_a_time_on_another_day_has_its_date(stranger, clock):
    for _ in range(4):
        stranger.guess(5)
        clock.shift(HOUR)
        stranger.begin()
    response = stranger.client.post(reverse("two-factor-authenticate"), {"otp_token": "123456"})
    (said,) = response.context["form"].errors["otp_token"]
    assert re.search(r"again in \d+ hours? \(\w+\.? \d+, \d{4}, ", said), said


def test_the_page_says_what_opens_a_lock(client, alice, phone, clock):
    empty(alice)
    give_password(client, alice)
    page = client.get(reverse("two-factor-authenticate")).text
    assert "Codes from new browsers are blocked, to protect your account." in page
    assert "From Work phone, one after another" in page


def test_the_page_says_nothing_while_codes_are_judged(client, alice, phone):
    give_password(client, alice)
    assert client.get(reverse("two-factor-authenticate")).context["notice"] == ""


@pytest.mark.parametrize("answer", ["1234567", "99999999", "12345"])
def test_digits_of_another_length_are_a_guess_too(stranger, alice, answer):
    assert stranger.say(answer) == "refused"
    assert len(budget_of_new_browsers(alice).failures) == 1


def test_what_no_device_can_have_shown_is_not(stranger, alice):
    stranger.say("hello")
    assert not budget_of_new_browsers(alice).failures


def test_a_success_is_no_failure_and_gives_nothing_back(owner, stranger, alice, clock):
    stranger.guess(4)
    assert owner.log_in() == "in"
    assert stranger.guess(2) == ["refused", "throttled"]


def test_a_code_that_was_just_accepted_is_no_failure_when_it_is_posted_again(owner, stranger, alice, phone, clock):
    owner.log_in()
    assert [stranger.say(code_of(phone)) for _ in range(8)] == ["used"] * 8
    assert not budget_of_new_browsers(alice).failures
    assert stranger.guess() == ["refused"]


def test_honest_use_alone_locks_nothing(alice, phone, clock):
    """Daily logins, each in a browser that forgets everything. A year of them stands in test_a_year.py."""
    for _ in range(60):
        assert Caller(alice, phone).log_in() == "in"
        clock.shift(DAY)
    assert not budget_of_new_browsers(alice).failures


def test_signing_in_by_recovery_code_every_day_makes_the_app_wait_for_nobody(alice, phone, clock):
    codes = registry.recovery.renew(alice, 20)
    for code in codes:
        person = Person(alice, phone)
        person.begin()
        assert person.say(code) == "in"
        clock.shift(DAY)
    assert Person(alice, phone).log_in() == "in"
    assert not budget_of_new_browsers(alice).failures


def test_a_user_who_does_not_know_the_password_spends_nothing(client, alice, phone):
    client.post(reverse("account_login"), {"login": "alice", "password": "wrong"})
    client.post(reverse("two-factor-authenticate"), {"otp_token": "123456"})
    assert not is_logged_in(client)
    assert not budget_of_new_browsers(alice).failures
