"""Recovery codes that are renewed, issued and spent at the same moment, by threads of one process."""

from __future__ import annotations

from functools import partial

import pytest

from allauth_2fa import support
from allauth_2fa.devices import staff
from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryCode, RecoveryDevice

from .test_threads import ACCEPTED, at_once, judging, kinds

ROUNDS = 5


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_code_that_is_spent_while_others_are_made_counts_once_or_never(alice, round_):
    old = registry.recovery.renew(alice, 3)
    device = RecoveryDevice.objects.get(user=alice)
    spending = [judging(device, old[0]) for _ in range(3)]
    outcomes = at_once(*spending, *(partial(registry.recovery.renew, alice, 3) for _ in range(3)))
    assert kinds(outcomes[:3]).get(ACCEPTED, 0) <= 1, outcomes
    assert all(isinstance(made, list) for made in outcomes[3:]), outcomes
    # One of those who made codes was last: all of those codes count, and none of the others.
    left = registry.recovery.devices(alice).get()
    valid = [made for made in outcomes[3:] if all(left.codes.filter(digest=left.digest_of(code), used_at=None).exists() for code in made)]
    assert len(valid) == 1
    assert RecoveryCode.objects.filter(device=left).count() == 3


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_code_that_support_issues_while_others_are_made_and_the_list_was_disabled(alice, phone, round_):
    registry.recovery.renew(alice, 3)
    RecoveryDevice.objects.filter(user=alice).update(confirmed=False)
    outcomes = at_once(
        partial(registry.recovery.renew, alice, 3),
        *(partial(support.issue_code, alice, staff.console(), "lost") for _ in range(2)),
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
    device = RecoveryDevice.objects.get(user=alice)
    assert device.confirmed
    made, *issued = outcomes
    usable = {code for code in [*made, *issued] if device.codes.filter(digest=device.digest_of(code), used_at=None).exists()}
    assert usable >= set(made)
    assert device.codes.count() == len(usable), "none of the old codes came back"
