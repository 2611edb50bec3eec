"""Moving to allauth.mfa, where 0.12's command went wrong. Run by ``tests/upgrade/test_sites.py``."""

from __future__ import annotations

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import code_of

pytestmark = pytest.mark.django_db


def migrate() -> str:
    out = StringIO()
    call_command("allauth_2fa_migrate", stdout=out)
    return out.getvalue()


def test_a_device_and_its_tokens_are_copied(alice, phone, tokens):
    assert migrate().startswith("Created 2 Authenticators")
    assert Authenticator.objects.get(user=alice, type="totp").wrap().validate_code(code_of(phone))
    assert sorted(Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()) == sorted(tokens)


@pytest.mark.parametrize("quirk", [{"digits": 8}, {"step": 60}])
def test_digits_and_period_are_not_dropped_but_reported(alice, phone, quirk):
    TOTPDevice.objects.update(**quirk)
    assert str(phone.pk) in migrate()
    assert not Authenticator.objects.filter(user=alice).exists()


@pytest.mark.usefixtures("phone")
def test_a_user_with_two_devices_is_copied(alice):
    TOTPDevice.objects.create(user=alice, confirmed=True, name="Tablet")
    migrate()
    assert Authenticator.objects.filter(user=alice, type="totp").count() == 1


@pytest.mark.usefixtures("phone")
def test_a_user_with_two_static_devices_is_copied(alice):
    for name in ("backup", "support"):
        StaticDevice.objects.create(user=alice, name=name).token_set.create(token=f"{name}2345")
    migrate()
    codes = Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()
    assert sorted(codes) == ["backup2345", "support2345"]


@pytest.mark.usefixtures("tokens")
def test_a_user_with_recovery_codes_only_is_not_forgotten(alice):
    (line,) = (line for line in migrate().splitlines() if line.startswith(f"user {alice.pk}, "))
    assert "recovery codes" in line
    assert "3" in line
