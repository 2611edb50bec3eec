"""What is not moved, and that it is said."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError
from django.db import connection
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryDevice

pytestmark = pytest.mark.django_db

NOTHING = "Created 0 Authenticators"


@pytest.fixture
def sheet(alice):
    """Alice's recovery codes as this package makes them: digests."""
    device = RecoveryDevice.objects.create(user=alice, name="backup")
    device.codes.create(digest="of one")
    device.codes.create(digest="of another")
    return device


@pytest.mark.parametrize(
    ("quirk", "reason"),
    [
        ({"digits": 8}, "its codes have 8 digits, MFA_TOTP_DIGITS is 6"),
        ({"step": 60}, "its codes last 60 seconds, MFA_TOTP_PERIOD is 30"),
        ({"t0": 86400}, "it counts its steps from another moment than 1970"),
        ({"key": ""}, "its secret is empty"),
        ({"key": "no hex at all"}, "its secret cannot be read"),
        ({"key": "abc"}, "its secret cannot be read"),
    ],
)
def test_an_app_whose_codes_would_never_be_right_is_reported(migrate, alice, codes, quirk, reason):
    device = TOTPDevice.objects.create(user=alice, name="phone", **quirk)
    printed = migrate()
    assert NOTHING in printed
    assert f"user {alice.pk}, {device.persistent_id}: not moved: its codes do not match the settings of allauth.mfa ({reason})" in printed
    assert f"user {alice.pk}, recovery codes (3): not moved: recovery codes of a user without another authenticator" in printed
    assert "  1 not moved: allauth.mfa would refuse every code of their authenticator app" in printed


@pytest.mark.parametrize(("tolerance", "told"), [(0, True), (2, True), (3, False)])
def test_a_clock_that_is_too_far_off_is_reported(migrate, settings, alice, phone, there, tolerance, told):
    settings.MFA_TOTP_TOLERANCE = tolerance
    TOTPDevice.objects.filter(pk=phone.pk).update(drift=-3)
    printed = migrate()
    assert set(there(alice)) == {"totp"}
    assert (f"{phone.persistent_id}: moved, but its clock was further off" in printed) is told
    assert ("(-3 steps of 30 seconds)" in printed) is told


@pytest.mark.usefixtures("codes")
def test_recovery_codes_alone_are_reported(migrate, alice, there):
    printed = migrate()
    assert NOTHING in printed
    assert f"user {alice.pk}, recovery codes (3): not moved: recovery codes of a user without another authenticator" in printed
    assert "  1 not moved: recovery codes alone are not a second factor" in printed
    assert there(alice) == {}


def test_digests_alone_are_reported(migrate, alice, sheet):
    printed = migrate()
    assert f"user {alice.pk}, recovery codes (2): not moved" in printed
    assert "  1 not moved: recovery codes alone are not a second factor" in printed


def test_digests_are_counted_and_listed_on_request(migrate, alice, phone, sheet, there):
    sheet.codes.filter(digest="of another").update(used_at="2026-01-01T00:00Z")
    quiet = migrate(dry_run=True)
    assert "  1 not moved: recovery codes, because only their digests are stored" in quiet
    assert f"user {alice.pk}" not in quiet
    assert f"user {alice.pk}, recovery codes (1): not moved: recovery codes, because only their digests" in migrate(verbosity=2)
    assert set(there(alice)) == {"totp"}


def test_readable_codes_beside_digests_are_moved(migrate, alice, phone, sheet, codes, there):
    assert "  1 not moved: recovery codes, because only their digests are stored" in migrate()
    assert sorted(there(alice)["recovery_codes"].data["migrated_codes"]) == codes


def test_recovery_codes_that_the_site_has_switched_off_stay(migrate, settings, alice, phone, codes, there):
    settings.MFA_SUPPORTED_TYPES = ["totp"]
    assert "  1 not moved: recovery codes, because MFA_SUPPORTED_TYPES does not include them" in migrate()
    assert set(there(alice)) == {"totp"}


def test_a_setup_that_was_never_finished_is_counted(migrate, alice, bob, there):
    TOTPDevice.objects.create(user=alice, name="phone", confirmed=False)
    StaticDevice.objects.create(user=bob, name="backup", confirmed=False)
    printed = migrate()
    assert printed.splitlines() == [NOTHING, "2 users:", "  2 not moved: setup never finished, or no codes left"]


def test_an_empty_sheet_of_digests_is_counted(migrate, alice):
    RecoveryDevice.objects.create(user=alice, name="backup")
    assert "  1 not moved: setup never finished, or no codes left" in migrate()


def test_devices_of_other_kinds_are_reported(migrate, alice, bob, phone, there):
    spare = HOTPDevice.objects.create(user=alice, name="spare")
    only = HOTPDevice.objects.create(user=bob, name="only")
    HOTPDevice.objects.create(user=bob, name="draft", confirmed=False)
    printed = migrate()
    assert f"user {alice.pk}, {spare.persistent_id}: not moved: a device of another kind" in printed
    assert f"user {bob.pk}, {only.persistent_id}: not moved: a device of another kind" in printed
    assert "  2 not moved: a device of another kind" in printed
    assert "  1 not moved: only devices of other kinds" in printed
    assert set(there(alice)) == {"totp"}


def test_allauth_mfa_without_authenticator_apps_is_refused(migrate, settings):
    settings.MFA_SUPPORTED_TYPES = ["webauthn"]
    with pytest.raises(CommandError, match='Add "totp" to MFA_SUPPORTED_TYPES'):
        migrate()


@pytest.mark.django_db(transaction=True)
def test_a_missing_table_is_named(migrate):
    table = Authenticator._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        try:
            with pytest.raises(CommandError, match=r"The table of allauth\.mfa does not exist yet\. Run migrate"):
                migrate()
        finally:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
