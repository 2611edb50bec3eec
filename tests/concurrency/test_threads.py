"""The judges and the flows, called by threads of one process at the same moment."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import datetime
from functools import partial
from threading import Barrier, Thread

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.devices import enrollment, manage, turn_off
from allauth_2fa.devices.enrollment import Begun, Enrolled, FirstCode
from allauth_2fa.exceptions import AlreadyUsed, NoRoom, NothingEnrolled, RecoveryCodeRefused, RecoveryCodeUsed, Refused, Throttled
from allauth_2fa.factors import lookup, registry
from allauth_2fa.models import DeviceOptions, RecoveryDevice
from tests.cast import code_of, wrong_code_of

from .conftest import FAILURES

THREADS = 9

ACCEPTED = type(None)


@pytest.fixture(autouse=True)
def _restless_threads():
    """Let threads change places in the middle of whatever they do."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    yield
    sys.setswitchinterval(interval)


def at_once(*calls):
    """Run each call in a thread of its own, all from the same moment on; return what they returned or raised."""
    barrier = Barrier(len(calls), timeout=30)
    outcomes = [None] * len(calls)

    def run(number, call):
        try:
            barrier.wait()
            outcomes[number] = call()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=facts) for facts in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def judging(device, answer):
    """Return a call that judges the answer by a copy of the device, as each request has one of its own."""
    copy = type(device).objects.get(pk=device.pk)
    return lambda: registry.factor_of(copy).judge(copy, answer)


def kinds(outcomes):
    """Count the outcomes by their type."""
    return Counter(type(outcome) for outcome in outcomes)


@pytest.mark.parametrize("throttle_factor", [1, 0])
def test_one_code_of_an_app_is_accepted_once(settings, alice, phone, throttle_factor):
    settings.OTP_TOTP_THROTTLE_FACTOR = throttle_factor
    outcomes = at_once(*(judging(phone, code_of(phone)) for _ in range(THREADS)))
    assert kinds(outcomes) == {ACCEPTED: 1, AlreadyUsed: THREADS - 1}
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 0


def test_one_recovery_code_is_accepted_once(alice):
    code = registry.recovery.renew(alice, 3)[0]
    device = RecoveryDevice.objects.get(user=alice)
    assert kinds(at_once(*(judging(device, code) for _ in range(THREADS)))) == {ACCEPTED: 1, RecoveryCodeUsed: THREADS - 1}
    assert registry.recovery.unused(alice).count() == 2


@pytest.mark.parametrize("throttle_factor", [1, 0])
def test_one_static_token_is_accepted_once(settings, alice, throttle_factor):
    settings.OTP_STATIC_THROTTLE_FACTOR = throttle_factor
    device = StaticDevice.objects.create(user=alice, name="backup")
    device.token_set.create(token="abcd2345")
    outcomes = at_once(*(judging(device, "abcd2345") for _ in range(THREADS)))
    assert kinds(outcomes)[ACCEPTED] == 1
    # Who comes too late finds the token gone, and can tell only as long as it was seen there before.
    assert kinds(outcomes).keys() <= {ACCEPTED, RecoveryCodeUsed, RecoveryCodeRefused, Throttled}
    assert not device.token_set.exists()


def test_of_many_wrong_codes_one_is_judged(worn_phone):
    outcomes = at_once(*(judging(worn_phone, wrong_code_of(worn_phone)) for _ in range(THREADS)))
    assert kinds(outcomes) == {Refused: 1, Throttled: THREADS - 1}
    worn_phone.refresh_from_db()
    assert worn_phone.throttling_failure_count == FAILURES + 1


def test_the_last_step_only_grows(alice, phone):
    offsets = [-1, 0, 1] * (THREADS // 3)
    outcomes = at_once(*(judging(phone, code_of(phone, offset)) for offset in offsets))
    accepted = [offset for offset, outcome in zip(offsets, outcomes, strict=True) if outcome is None]
    assert accepted
    assert len(accepted) == len(set(accepted))
    last_t = TOTPDevice.objects.get(pk=phone.pk).last_t
    for offset in offsets:
        with pytest.raises(Refused):
            judging(phone, code_of(phone, offset))() if offset <= max(accepted) else judging(phone, wrong_code_of(phone))()
    assert TOTPDevice.objects.get(pk=phone.pk).last_t == last_t


def test_one_of_many_completions_confirms_the_device(alice):
    device = registry.totp.begin(alice)

    def completing():
        copy = TOTPDevice.objects.get(pk=device.pk)
        return lambda: registry.totp.complete(copy, code_of(copy))

    assert kinds(at_once(*(completing() for _ in range(THREADS)))) == {ACCEPTED: 1, NothingEnrolled: THREADS - 1}
    with pytest.raises(AlreadyUsed):
        judging(device, code_of(device))()


def test_beginning_in_many_sessions_leaves_one_device_of_one_session(alice):
    def request():
        request = HttpRequest()
        request.session = SessionStore()
        return request

    outcomes = at_once(*(lambda: enrollment.begin(request(), alice, enrollment.apps_of(alice)) for _ in range(THREADS)))
    assert {type(outcome) for outcome in outcomes} == {Begun}, outcomes
    device = enrollment.begin(request(), alice, enrollment.apps_of(alice)).device
    assert list(TOTPDevice.objects.filter(user=alice)) == [device]


@pytest.mark.parametrize("had_codes", [True, False])
def test_of_many_renewals_the_last_one_counts(alice, had_codes):
    if had_codes:
        registry.recovery.renew(alice, 3)
    outcomes = at_once(*(lambda: registry.recovery.renew(alice, 2) for _ in range(THREADS)))
    assert {type(outcome) for outcome in outcomes} == {list}, outcomes
    device = RecoveryDevice.objects.get(user=alice)
    assert device.codes_left() == 2
    ((_first, second),) = [codes for codes in outcomes if device.verify_token(codes[0])]
    assert device.verify_token(second)


@pytest.mark.parametrize("had_tokens", [True, False])
def test_of_many_renewals_of_readable_tokens_the_last_one_counts(alice, had_tokens):
    if had_tokens:
        registry.static.renew(alice, 3)
    outcomes = at_once(*(lambda: registry.static.renew(alice, 3) for _ in range(THREADS)))
    assert {type(outcome) for outcome in outcomes} == {list}, outcomes
    left = {token.token for token in registry.static.unused(alice)}
    assert len(left) == 3
    assert [{token.token for token in tokens} for tokens in outcomes].count(left) == 1


@pytest.mark.parametrize("_round", range(3))
def test_a_removal_deletes_everything_somebody_who_answers_meanwhile(alice, phone, _round):
    codes = registry.recovery.renew(alice, 4)
    recovery = RecoveryDevice.objects.get(user=alice)
    tokens = registry.static.renew(alice, 4)
    static = StaticDevice.objects.get(user=alice)
    outcomes = at_once(
        lambda: turn_off.remove_all(alice),
        *(judging(recovery, code) for code in codes),
        *(judging(static, token.token) for token in tokens),
        judging(phone, code_of(phone)),
        judging(phone, wrong_code_of(phone)),
    )
    assert isinstance(outcomes[0], datetime)
    assert [outcome for outcome in outcomes[1:] if not isinstance(outcome, Refused | ACCEPTED)] == []
    assert not any(factor.model.objects.filter(user=alice).exists() for factor in registry.factors())


@pytest.mark.parametrize("_round", range(3))
def test_a_removal_and_a_renewal_do_not_wait_for_each_other(alice, phone, _round):
    registry.recovery.renew(alice, 3)
    registry.static.renew(alice, 3)
    outcomes = at_once(
        lambda: turn_off.remove_all(alice),
        lambda: turn_off.remove_all(alice),
        *(lambda: registry.recovery.renew(alice, 3) for _ in range(3)),
        *(lambda: registry.static.renew(alice, 3) for _ in range(3)),
    )
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert not lookup.has_primary(alice)


@pytest.mark.parametrize("_round", range(3))
def test_the_last_room_for_a_device_is_given_away_once(alice, phone, settings, _round):
    settings.ALLAUTH_2FA_MAX_DEVICES = 2
    waiting = [TOTPDevice.objects.create(user=alice, confirmed=False) for _ in range(THREADS)]
    completing = [partial(enrollment.complete, device, FirstCode(code_of(device)), only_as_first=False) for device in waiting]
    assert kinds(at_once(*completing)) == {Enrolled: 1, NoRoom: THREADS - 1}
    assert lookup.count_primary(alice.pk) == 2


@pytest.mark.parametrize("_round", range(3))
def test_two_devices_that_are_removed_at_once_leave_one(alice, phone, _round):
    tablet = TOTPDevice.objects.create(user=alice, confirmed=True)
    outcomes = at_once(*(lambda device=device: manage.remove(device) for device in (phone, tablet) * 3))
    assert outcomes.count(True) >= 1
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert lookup.count_primary(alice.pk) == 1


def test_one_device_is_preferred_however_many_are_at_once(alice, phone):
    held = [phone, *(TOTPDevice.objects.create(user=alice, confirmed=True) for _ in range(3))]
    outcomes = at_once(*(lambda device=device: manage.prefer(device) for device in held * 2))
    assert outcomes == [None] * len(outcomes)
    assert DeviceOptions.objects.filter(user=alice, preferred=True).count() == 1
