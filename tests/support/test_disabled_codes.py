"""A list of recovery codes that was disabled stays so, whatever support issues."""

from __future__ import annotations

import pytest

from allauth_2fa import support
from allauth_2fa.devices import staff
from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryDevice
from tests.cast import give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db


def test_a_code_of_support_enables_no_code_of_a_disabled_list(client, alice, phone):
    old = registry.recovery.renew(alice, 3)
    RecoveryDevice.objects.filter(user=alice).update(confirmed=False)
    code = support.issue_code(alice, staff.console(), "phone is gone")
    give_password(client, alice)
    give_answer(client, old[0])
    assert not is_logged_in(client)
    give_answer(client, code)
    assert is_logged_in(client)


def test_a_code_of_support_leaves_the_codes_of_a_list_in_use(client, alice, phone):
    old = registry.recovery.renew(alice, 3)
    support.issue_code(alice, staff.console(), "phone is gone")
    give_password(client, alice)
    give_answer(client, old[0])
    assert is_logged_in(client)
