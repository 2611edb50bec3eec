"""The limits: how they are written, and what they leave to chance."""

from __future__ import annotations

import math

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from allauth_2fa.budget import limits
from allauth_2fa.budget.budget import Budget, Failure, pack, unpack
from allauth_2fa.budget.limits import Limits, Window
from allauth_2fa.models import Browser

DEFAULT = {
    "unknown": Limits((Window(5, 300), Window(10, 3600), Window(20, 86400), Window(33, 365 * 86400)), None),
    "known": Limits((Window(5, 300), Window(20, 3600), Window(50, 86400)), 100),
}


@pytest.mark.parametrize("kind", limits.KINDS)
def test_the_default_is_what_the_documentation_promises(kind):
    assert limits.limits(kind) == DEFAULT[kind]


def test_a_site_can_set_one_of_them_and_keep_the_other(settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"known": ("3/s", "7/2h", "9/row", "8/row")}
    assert limits.limits("known") == Limits((Window(3, 1), Window(7, 7200)), 8)
    assert limits.limits("unknown") == DEFAULT["unknown"]


WRONG = [
    {"unknown": ["5"]},
    {"unknown": ["0/5m"]},
    {"unknown": ["5/0m"]},
    {"unknown": ["5/5w"]},
    {"unknown": ["5/5m "]},
    {"unknown": ["5/5row"]},
    {"unknown": [5]},
    {"unknown": "5/5m"},
    {"known": None},
    {"everybody": ["5/5m"]},
    ["5/5m"],
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_limits_that_cannot_be_read_are_reported_and_no_code_is_judged(settings, wrong):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = wrong
    with pytest.raises(ImproperlyConfigured):
        [limits.limits(kind) for kind in limits.KINDS]
    assert "allauth_2fa.E040" in {message.id for message in run_checks()}


def test_by_default_a_guesser_hits_once_in_ten_thousand_years():
    chance = limits.chance(limits.most_a_year(limits.limits("unknown").windows))
    assert 0.9e-4 < chance <= 1e-4


@pytest.mark.parametrize(
    ("unknown", "guesses"),
    [(["33/365d"], 33), (["5/5m"], 5 * 105_120), (["20/d", "40/365d"], 40), (["1/d", "400/365d"], 365), (["3/200d"], 6), ([], math.inf)],
)
def test_the_most_that_is_judged_in_a_year_is_what_the_narrowest_window_lets_pass(unknown, guesses):
    assert limits.most_a_year(limits.parsed(tuple(unknown)).windows) == guesses


def reported():
    return {message.id for message in run_checks() if "FAILURE_LIMITS" in message.msg}


def test_the_default_is_not_complained_of():
    assert reported() == set()


@pytest.mark.parametrize("unknown", [["5/5m", "34/365d"], ["5/5m", "20/d"], []])
def test_limits_that_leave_more_to_chance_are_reported(settings, unknown):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": unknown}
    assert reported() == {"allauth_2fa.W040"}


def test_the_report_says_how_much_that_is(settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["20/d"]}
    (message,) = [message.msg for message in run_checks() if message.id == "allauth_2fa.W040"]
    assert "a chance of 1 in 46 a year" in message


@pytest.mark.parametrize("known", [["5/5m"], ["5/5m", "101/row"]])
def test_more_than_a_hundred_failures_in_a_row_are_reported(settings, known):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"known": known}
    assert reported() == {"allauth_2fa.W041"}


@pytest.mark.parametrize(("guess_probability", "weight"), [(1e-6, 1), (3e-6, 1), (1e-8, 1), (5e-6, 2), (6e-6, 2), (30e-6, 10), (0.0, 1)])
def test_a_guess_with_more_chances_is_worth_more(guess_probability, weight):
    assert limits.weight(guess_probability) == weight


def test_failures_are_read_as_they_were_written():
    failures = (Failure(1_700_000_000_000), Failure(1_700_000_000_001, 10))
    assert pack(failures) == "1700000000000 1700000000001*10"
    assert unpack(pack(failures)) == failures
    assert unpack("") == ()


def test_a_budget_without_windows_counts_in_a_row_alone(settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"known": ["2/row"]}
    budget = Budget(1, digest="x")
    assert budget.failed() == {"failures": "", "in_a_row": 1}
    assert budget.changed({"in_a_row": 2}).is_locked
    assert budget.changed({"in_a_row": 2}).given_back(None) == {"failures": "", "in_a_row": 1}
    assert budget.given_back(None) == {"failures": "", "in_a_row": 0}


def test_a_failure_that_has_been_pushed_out_meanwhile_is_not_given_back():
    budget = Budget(1, digest="x", in_a_row=3, failures=(Failure(1), Failure(3), Failure(3)))
    assert budget.given_back(Failure(2)) == {"failures": "1 3 3", "in_a_row": 2}
    assert budget.given_back(Failure(3)) == {"failures": "1 3", "in_a_row": 2}


def test_a_guess_that_is_worth_more_than_the_whole_budget_takes_all_of_it(settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["5/5m", "4/365d"]}
    budget = Budget(1)
    assert budget.refusal(10) is None
    assert budget.changed(budget.failed(10)).is_locked
    assert budget.digest == Browser.OTHERS
