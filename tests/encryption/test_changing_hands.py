"""A device that is given to another user stays readable, and is sealed for the new owner, however it is given."""

from __future__ import annotations

import pytest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from allauth_2fa.encryption import values
from tests.encryption.keys import held

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyed")]

PLACE = "otp_totp.totpdevice.key"


@pytest.fixture
def plain():
    """A secret."""
    return default_key()


@pytest.fixture
def phone(alice, plain):
    """Alice's authenticator app, with that secret."""
    return TOTPDevice.objects.create(user=alice, name="Work phone", key=plain)


LOADED = {
    "all": TOTPDevice.objects.all,
    "the owner alone": lambda: TOTPDevice.objects.only("user"),
    "the name alone": lambda: TOTPDevice.objects.only("name"),
    "the secret alone": lambda: TOTPDevice.objects.only("key"),
    "all but the secret": lambda: TOTPDevice.objects.defer("key"),
    "all but the owner": lambda: TOTPDevice.objects.defer("user"),
    "neither": lambda: TOTPDevice.objects.defer("user", "key"),
}

WRITTEN = {
    "save": lambda device: device.save(),
    "save of the owner": lambda device: device.save(update_fields=["user"]),
    "save of both": lambda device: device.save(update_fields=["user_id", "key"]),
    "a bulk of the owner": lambda device: TOTPDevice.objects.bulk_update([device], ["user"]),
    "a bulk of both": lambda device: TOTPDevice.objects.bulk_update([device], ["key", "user"]),
}


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("loaded", LOADED)
def test_the_secret_goes_along(alice, bob, phone, plain, loaded, written, look):
    device = LOADED[loaded]().get()
    device.user = bob
    if look:
        assert device.key == plain
    WRITTEN[written](device)
    assert held(phone) == values.encrypted(plain, PLACE, str(bob.pk)).stored
    assert (TOTPDevice.objects.get().user_id, TOTPDevice.objects.get().key, device.key) == (bob.pk, plain, plain)


def test_a_secret_that_was_moved_in_the_table_is_not_opened_for_its_new_row(alice, bob, phone):
    TOTPDevice.objects.update(user=bob)
    device = TOTPDevice.objects.only("key").get()
    assert isinstance(device.key, values.Unreadable)
    assert device.verify_is_allowed()[0] is False


def test_a_device_that_is_gone_shows_no_secret(alice, bob, phone):
    device = TOTPDevice.objects.only("key").get()
    device.user = bob
    TOTPDevice.objects.all()._raw_delete("default")
    assert isinstance(device.key, values.Unreadable)


def test_other_columns_and_other_devices_are_written_in_bulk_as_ever(alice, bob, phone, plain):
    phone.name = "New"
    TOTPDevice.objects.bulk_update([phone], ["name"])
    codes = StaticDevice.objects.create(user=alice)
    codes.user = bob
    StaticDevice.objects.bulk_update([codes], ["user"])
    assert (TOTPDevice.objects.get().name, TOTPDevice.objects.get().key, StaticDevice.objects.get().user) == ("New", plain, bob)
