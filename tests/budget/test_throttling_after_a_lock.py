"""An answer that opens a lock opens it for every device: no device stays throttled because of earlier guesses."""

from __future__ import annotations

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from tests.budget.conftest import MINUTE, Person, empty, row_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def tablet(alice) -> TOTPDevice:
    """Alice's other app."""
    return TOTPDevice.objects.create(user=alice, name="Tablet")


def throttle() -> None:
    """Let every app wait for longer than anybody does."""
    TOTPDevice.objects.update(throttling_failure_count=30, throttling_failure_timestamp="2026-01-01T00:00:00Z")


@pytest.mark.parametrize("proof", ["a recovery code", "three codes of the other app"])
def test_an_answer_that_opens_a_lock_throttles_no_app(stranger, alice, phone, tablet, clock, settings, proof):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    empty(alice)
    throttle()
    answer = registry.recovery.renew(alice, 1)[0] if proof == "a recovery code" else row_of(tablet)
    assert stranger.say(answer, **({} if proof == "a recovery code" else {"device": tablet.persistent_id})) == "in"
    phone.refresh_from_db()
    assert phone.verify_is_allowed()[0]
    clock.shift(MINUTE)
    assert Person(alice, phone).log_in() == "in"


def test_a_recovery_code_while_nothing_is_locked_lets_an_app_go_on_waiting(stranger, alice, phone, clock, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    stranger.guess(3)
    throttle()
    assert stranger.say(registry.recovery.renew(alice, 1)[0]) == "in"
    phone.refresh_from_db()
    assert not phone.verify_is_allowed()[0]
