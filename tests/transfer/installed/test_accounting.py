"""Again and again, in any portions, everybody is accounted for."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryDevice
from allauth_2fa.transfer.allauth_mfa import transfer
from allauth_2fa.transfer.report import Outcome

from .adapters import BusyAdapter

pytestmark = pytest.mark.django_db


def a_crowd(number, seed=1):
    """Make users who have any mixture of things."""
    dice = random.Random(seed)  # noqa: S311 - for variety
    users = User.objects.bulk_create(User(username=f"user{number}") for number in range(number))
    for user in users:
        for _ in range(dice.choice([0, 0, 1, 1, 1, 2, 3])):
            TOTPDevice.objects.create(user=user, confirmed=dice.random() < 0.8, digits=dice.choice([6, 6, 6, 8]))
        if dice.random() < 0.5:
            sheet = StaticDevice.objects.create(user=user, confirmed=dice.random() < 0.9)
            StaticToken.objects.bulk_create(StaticToken(device=sheet, token=f"{dice.random():.10f}") for _ in range(dice.randrange(4)))
        if dice.random() < 0.2:
            RecoveryDevice.objects.create(user=user).codes.create(digest="of a code")
        if dice.random() < 0.1:
            HOTPDevice.objects.create(user=user)
        if dice.random() < 0.1:
            Authenticator.objects.create(user=user, type=dice.choice(["totp", "webauthn"]), data={})


def rows():
    """Return what is in allauth.mfa, in an order of its own."""
    return sorted((row.user_id, row.type, sorted(map(str, row.data.items()))) for row in Authenticator.objects.all())


@pytest.mark.parametrize("seed", range(3))
def test_every_user_is_accounted_for_and_a_second_run_creates_nothing(seed):
    a_crowd(80, seed)
    before = Authenticator.objects.count()
    first = transfer(batch_size=7)
    assert first.users.total() == 80
    assert min(first.users[outcome] for outcome in Outcome) > 0
    assert Authenticator.objects.count() == before + first.created.total()
    second = transfer(batch_size=11)
    assert second.created.total() == 0
    assert second.users.total() == 80
    assert second.users[Outcome.PRESENT] == first.users[Outcome.MOVED] + first.users[Outcome.PRESENT]


def test_nobody_has_recovery_codes_there_without_something_to_recover():
    a_crowd(80)
    transfer()
    kinds = Counter(Authenticator.objects.values_list("user_id", "type"))
    assert max(kinds.values()) == 1
    assert {user for user, kind in kinds if kind == "recovery_codes"} <= {user for user, kind in kinds if kind != "recovery_codes"}


def test_the_portions_make_no_difference():
    a_crowd(40)
    reports = []
    results = []
    for size in (1, 3, 40, 1000):
        Authenticator.objects.filter(type__in=["totp", "recovery_codes"]).delete()
        reports.append(transfer(batch_size=size))
        results.append(rows())
    assert reports[1:] == reports[:-1]
    assert results[1:] == results[:-1]


def test_a_dry_run_says_the_same_and_writes_nothing(migrate):
    a_crowd(40)
    before = rows()
    foretold = migrate(dry_run=True)
    assert rows() == before
    assert foretold.replace("Would create", "Created") == migrate()


def test_a_user_who_is_there_already_is_left_alone(migrate, alice, phone, codes, there):
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={"secret": "her own"})
    Authenticator.objects.create(user=alice, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "her own", "used_mask": 0})
    assert migrate().splitlines() == ["Created 0 Authenticators", "1 users:", "  1 already in allauth.mfa, unchanged"]
    assert there(alice)["totp"].data == {"secret": "her own"}
    assert there(alice)["recovery_codes"].data == {"seed": "her own", "used_mask": 0}


@pytest.mark.usefixtures("bob")
def test_users_of_allauth_mfa_alone_are_no_concern_of_ours(migrate, alice):
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={"secret": "her own"})
    assert migrate().splitlines() == ["Created 0 Authenticators", "2 users:", "  2 without any device"]


@pytest.mark.usefixtures("phone")
def test_at_verbosity_0_one_line_is_printed(migrate):
    assert migrate(verbosity=0).splitlines() == ["Created 1 Authenticators"]


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_at_least_one_user(size):
    with pytest.raises(CommandError, match="--batch-size must be 1 or more"):
        call_command("allauth_2fa_migrate", batch_size=size)


def test_the_options_are_read_from_the_command_line(migrate, phone):
    out = migrate()
    assert out.startswith("Created 1")
    call_command("allauth_2fa_migrate", "--dry-run", "--batch-size=1", "--verbosity=0")


def test_a_portion_of_any_size_takes_the_same_number_of_queries():
    statements = []

    def count(execute, *args):
        statements[-1] += 1
        return execute(*args)

    for number in (2, 60):
        User.objects.all().delete()
        a_crowd(number)
        statements.append(0)
        with connection.execute_wrapper(count):
            transfer(dry_run=True)
    assert statements[0] == statements[1]


@pytest.mark.django_db(transaction=True)
def test_a_user_who_enrolls_there_in_the_middle_keeps_what_they_made(migrate, settings, alice, phone, codes, there):
    if not connection.features.supports_partial_indexes:
        pytest.skip("this database cannot hold allauth.mfa's constraint")
    settings.MFA_ADAPTER = "tests.transfer.installed.adapters.BusyAdapter"
    BusyAdapter.enrolled.clear()
    printed = migrate()
    assert there(alice)["totp"].data == {"secret": "their own"}
    assert sorted(there(alice)["recovery_codes"].data["migrated_codes"]) == codes
    assert printed.splitlines() == ["Created 1 Authenticators", "  1 recovery_codes", "1 users:", "  1 moved"]
