"""The audit log under load: it agrees with what the callers saw, the owner is told once, and pruning is in nobody's way."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from django.utils import timezone

from allauth_2fa.answers import verify
from allauth_2fa.audit import events, log
from allauth_2fa.exceptions import AlreadyUsed, RecoveryCodeRefused, RecoveryCodeUsed, Refused
from allauth_2fa.models import RecoveryDevice
from allauth_2fa.models.audit import AuditEntry
from tests.cast import code_of

from .test_threads import THREADS, at_once


def noted(user) -> Counter:
    return Counter(AuditEntry.objects.filter(user_id=user.pk).values_list("event", flat=True))


def test_of_many_wrong_codes_at_once_each_is_logged_and_one_is_mailed(alice, phone):
    RecoveryDevice.renew(alice.pk, 3)
    outcomes = at_once(*([lambda: verify.answer(alice, "WRNG-WRNG-WRNG-WRNG")] * THREADS))
    assert Counter(map(type, outcomes)) == {RecoveryCodeRefused: THREADS}
    assert noted(alice) == {"challenge_refused": THREADS, "owner_told": 1}


def test_one_recovery_code_at_once_is_logged_as_used_once(alice, phone):
    code = RecoveryDevice.renew(alice.pk, 3)[0]
    outcomes = at_once(*([lambda: verify.answer(alice, code)] * THREADS))
    assert Counter(map(type, outcomes))[RecoveryCodeUsed] == THREADS - 1
    assert noted(alice) == {"recovery_code_used": 1, "challenge_refused": THREADS - 1, "owner_told": 1}


def test_one_code_of_an_app_at_once_is_logged_as_what_became_of_it(alice, phone):
    code = code_of(phone)
    outcomes = at_once(*([lambda: verify.answer(alice, code)] * THREADS))
    assert sum(not isinstance(outcome, Refused) for outcome in outcomes) == 1
    refused = [outcome for outcome in outcomes if isinstance(outcome, AlreadyUsed)]
    assert noted(alice)["challenge_refused"] == len(refused) == THREADS - 1


def test_rows_are_added_and_pruned_at_the_same_time(alice):
    old = timezone.now() - timedelta(days=10)
    AuditEntry.objects.bulk_create([AuditEntry(event="device_added", user_id=alice.pk, at=old) for _ in range(200)])

    def add():
        for _ in range(10):
            events.announce("exemption_ended", alice)

    def prune():
        return sum(log.prune(timezone.now() - timedelta(days=5), batch_size=20))

    outcomes = at_once(add, prune, add, prune, add)
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert noted(alice) == {"exemption_ended": 30}
