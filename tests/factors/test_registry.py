"""Which factors there are, and what a user holds of them."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import lookup, registry
from allauth_2fa.factors.totp import TotpFactor
from allauth_2fa.models import RecoveryDevice

pytestmark = pytest.mark.django_db


class OwnFactor(TotpFactor):
    """A project's way to serve authenticator apps."""

    id = "own"


class NoFactor:
    """Something else."""


def devices_of(user):
    """Return one confirmed device of each kind."""
    registry.recovery.renew(user, 1)
    return [
        TOTPDevice.objects.create(user=user, name="app"),
        RecoveryDevice.objects.get(user=user),
        StaticDevice.objects.create(user=user, name="backup"),
    ]


# Loading a device by its id


def test_a_users_own_devices_are_found_by_their_ids(alice):
    for device in devices_of(alice):
        assert lookup.load(device.persistent_id, alice) == device


def test_nobody_finds_anothers(alice, bob):
    devices_of(alice)
    theirs = devices_of(bob)
    assert [lookup.load(device.persistent_id, alice) for device in theirs] == [None, None, None]


def test_unconfirmed_and_deleted_devices_are_not_found(alice):
    for device in devices_of(alice):
        type(device).objects.update(confirmed=False)
        assert lookup.load(device.persistent_id, alice) is None
        persistent_id = device.persistent_id
        device.delete()
        assert lookup.load(persistent_id, alice) is None


@pytest.mark.parametrize(
    "persistent_id",
    [
        None,
        "",
        "/",
        "otp_totp.totpdevice",
        "otp_totp.totpdevice/",
        "otp_totp.totpdevice/0",
        "otp_totp.totpdevice/-1",
        "otp_totp.totpdevice/+{pk}",
        "otp_totp.totpdevice/{pk} ",
        "otp_totp.totpdevice/{pk}.0",
        "otp_totp.totpdevice/{pk}_",
        "otp_totp.totpdevice/{pk}\x00",
        "otp_totp.totpdevice/\u0661",
        "otp_totp.totpdevice/\u00b2",
        "otp_totp.totpdevice/" + "9" * 18,
        "otp_totp.totpdevice/" + "9" * 19,
        "otp_totp.totpdevice/" + "9" * 5_000,
        "otp_totp.totpdevice/{pk}/{pk}",
        "OTP_TOTP.TOTPDevice/{pk}",
        "auth.user/{pk}",
        "otp_static.staticdevice/{pk}",
        "../otp_totp.totpdevice/{pk}",
        "\x00",
    ],
)
def test_ids_that_name_no_device_are_no_error(alice, phone, persistent_id):
    assert lookup.load(persistent_id and persistent_id.replace("{pk}", str(phone.pk)), alice) is None


# What a user holds


def test_recovery_codes_alone_are_no_factor(alice):
    app, _codes, _tokens = devices_of(alice)
    assert lookup.has_primary(alice)
    app.delete()
    assert not lookup.has_primary(alice)


def test_a_waiting_device_is_no_factor_yet(alice, phone):
    assert lookup.has_primary(alice)
    TOTPDevice.objects.update(confirmed=False)
    assert not lookup.has_primary(alice)
    assert lookup.primary_devices(alice) == []


def test_the_devices_that_a_login_waits_for(alice, bob, phone):
    devices_of(bob)
    StaticDevice.objects.create(user=alice, name="backup")
    assert lookup.primary_devices(alice) == [phone]


# Which factors there are


def test_each_device_belongs_to_one_factor(alice):
    assert [registry.factor_of(device) for device in devices_of(alice)] == [registry.totp, registry.recovery, registry.static]


def test_a_device_of_a_factor_that_is_off_belongs_to_none(settings, alice):
    settings.ALLAUTH_2FA_FACTORS = ["totp"]
    assert [registry.factor_of(device) for device in devices_of(alice)] == [registry.totp, None, None]
    assert [lookup.load(device.persistent_id, alice) for device in StaticDevice.objects.all()] == [None]


def test_factors_are_offered_by_rank():
    assert [factor.id for factor in registry.factors()] == ["totp", "recovery_codes", "static"]
    assert registry.primaries() == (registry.totp,)
    assert not registry.may_send()


def test_the_setting_orders_and_limits_them(settings):
    settings.ALLAUTH_2FA_FACTORS = ["static", "totp"]
    assert registry.factors() == (registry.static, registry.totp)


def test_a_factor_of_the_projects_own_takes_over_its_devices(settings, alice, phone):
    settings.ALLAUTH_2FA_FACTORS = [f"{__name__}.OwnFactor", "recovery_codes"]
    assert [factor.id for factor in registry.factors()] == ["own", "recovery_codes"]
    assert isinstance(registry.factor_of(phone), OwnFactor)


@pytest.mark.parametrize("entry", ["pager", f"{__name__}.NoFactor"])
def test_a_setting_that_names_no_factor_is_an_error(settings, entry):
    settings.ALLAUTH_2FA_FACTORS = ["totp", entry]
    with pytest.raises(ImproperlyConfigured, match=f"ALLAUTH_2FA_FACTORS names .*{entry}"):
        registry.factors()
