"""Static tokens in the owner's browser: they do not wait for what was typed elsewhere, and are not guessed for nothing."""

from __future__ import annotations

import pytest
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice

from tests.budget.conftest import HOUR, MINUTE, Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def tokens(alice):
    device = StaticDevice.objects.create(user=alice)
    for number in range(5):
        device.token_set.create(token=f"token{number}")
    return device


@pytest.fixture
def at_home(owner, tokens, clock):
    """The owner, at the challenge in a browser in which she has verified."""
    assert owner.log_in() == "in"
    clock.shift(HOUR)
    owner.begin()
    return owner


def make_wait():
    StaticDevice.objects.update(throttling_failure_count=20, throttling_failure_timestamp=timezone.now())


def test_tokens_that_wait_elsewhere_are_taken_at_home(at_home, stranger, tokens):
    for _try in range(8):
        stranger.say("token9")
    make_wait()
    assert stranger.say("token0") == "throttled"
    assert at_home.say("token0") == "in"


def test_a_second_list_is_looked_at_too(at_home, alice):
    StaticDevice.objects.create(user=alice).token_set.create(token="second")
    make_wait()
    assert at_home.say("second") == "in"


def test_at_home_five_are_tried_in_five_minutes(at_home, clock):
    outcomes = []
    for _try in range(7):
        make_wait()
        outcomes.append(at_home.say("token9"))
    assert outcomes == ["refused"] * 5 + ["throttled"] * 2
    assert at_home.say("token0") == "throttled", "or whoever sits there could guess on"
    clock.shift(5 * MINUTE)
    make_wait()
    assert at_home.say("token0") == "in"


def test_a_token_that_does_not_wait_takes_nothing_out_of_the_ration(at_home, clock):
    for number in range(5):
        assert at_home.say(f"token{number}") == "in"
        at_home.begin()


def test_new_browsers_wait_as_the_site_has_configured(stranger, tokens, alice, phone):
    make_wait()
    assert stranger.say("token0") == "throttled"
    other = Person(alice, phone)
    other.begin()
    assert other.say("token0") == "throttled"
