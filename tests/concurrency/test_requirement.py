"""What the site requires, decided by threads at the same moment."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import partial

import pytest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.devices import enrollment, manage
from allauth_2fa.devices.enrollment import Enrolled, FirstCode
from allauth_2fa.exceptions import EnrollmentEnded, StillRequired
from allauth_2fa.models import SessionsEnd
from allauth_2fa.models.exemptions import Exemption, FirstMet
from allauth_2fa.requirement import policy
from tests.cast import code_of

from .test_threads import THREADS, _restless_threads, at_once, kinds  # noqa: F401 - the fixture is for all tests here


@pytest.fixture(autouse=True)
def _required(settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"


def test_of_devices_that_are_removed_at_once_one_stays(alice):
    kept = [TOTPDevice.objects.create(user=alice, name=f"Phone {number}") for number in range(THREADS)]
    outcomes = at_once(*(lambda device=device: manage.remove(device) for device in kept))
    assert kinds(outcomes) == {bool: THREADS - 1, StillRequired: 1}
    assert TOTPDevice.objects.filter(user=alice).count() == 1


def test_the_first_meeting_is_logged_once(settings, alice):
    settings.ALLAUTH_2FA_GRACE_PERIOD = 7
    outcomes = at_once(*(lambda: policy.requirement_of(alice) for _ in range(THREADS)))
    assert {outcome.status for outcome in outcomes} == {"grace"}
    assert {outcome.since for outcome in outcomes} == {FirstMet.objects.get(user=alice).since}


def test_an_exemption_is_ended_once(alice):
    exemption = Exemption.objects.create(user=alice, reason="robot", expires_at=timezone.now() + dt.timedelta(days=1))
    outcomes = at_once(*(lambda: policy.end(exemption, alice) for _ in range(THREADS)))
    assert Counter(outcomes) == {True: 1, False: THREADS - 1}


def test_of_those_who_set_up_a_first_device_at_once_one_does(alice):
    """Each is a login that waits, in a browser of its own: none of them has proved a factor."""
    waiting = [TOTPDevice.objects.create(user=alice, confirmed=False) for _ in range(THREADS)]
    completing = [partial(enrollment.complete, device, FirstCode(code_of(device)), only_as_first=True) for device in waiting]
    outcomes = at_once(*completing)
    (enrolled,) = [outcome for outcome in outcomes if isinstance(outcome, Enrolled)]
    assert enrolled.is_first
    assert {type(outcome) for outcome in outcomes} == {Enrolled, EnrollmentEnded}, outcomes
    assert SessionsEnd.objects.get(user=alice).before == enrolled.sessions_ended
    assert TOTPDevice.objects.filter(user=alice, confirmed=True).count() == 1
