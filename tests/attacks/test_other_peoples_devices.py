"""Attack: name somebody else's device, or one that is not a device of the login at all."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import lookup, registry
from allauth_2fa.models import RecoveryDevice
from tests.cast import code_of, give_answer, give_password, is_logged_in, log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(alice, phone):
    """A second app of Alice's, so that the page offers a choice."""
    return TOTPDevice.objects.create(user=alice, name="Tablet")


@pytest.fixture
def mallorys(bob):
    """An app of somebody else's."""
    return TOTPDevice.objects.create(user=bob, name="Mallory")


def test_anothers_device_in_the_form_judges_nothing_and_is_not_touched(client, alice, phone, second, mallorys):
    give_password(client, alice)
    response = give_answer(client, code_of(mallorys), device=mallorys.persistent_id)
    assert response.status_code == 200
    assert not is_logged_in(client)
    mallorys.refresh_from_db()
    assert mallorys.last_t == -1
    assert mallorys.throttling_failure_count == 0


def test_the_victims_throttle_cannot_be_run_up_from_another_login(client, bob, mallorys, alice, phone):
    give_password(client, bob)
    give_answer(client, "000000", device=phone.persistent_id)
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 0


def test_an_unconfirmed_device_of_ones_own_is_not_asked(client, alice, phone, second):
    waiting = TOTPDevice.objects.create(user=alice, confirmed=False)
    give_password(client, alice)
    for fields in ({}, {"device": waiting.persistent_id}):
        give_answer(client, code_of(waiting), **fields)
        assert not is_logged_in(client)


NO_DEVICES = [
    *(
        "otp_totp.totpdevice/",
        "otp_totp.totpdevice/0",
        "otp_totp.totpdevice/-1",
        "otp_totp.totpdevice/9" + "9" * 40,
        "auth.user/1",
        "/",
        "x",
    ),
    *("1", "django_otp.plugins.otp_totp.models.TOTPDevice/1", "otp_totp.totpdevice/1\x00", "otp_totp.totpdevice/\u0661", " " * 500, "../1"),
]


@pytest.mark.parametrize("device", NO_DEVICES)
def test_a_device_that_does_not_exist_judges_nothing(client, alice, phone, second, device):
    give_password(client, alice)
    response = give_answer(client, code_of(phone), device=device)
    logged_in = is_logged_in(client)
    assert response.status_code == (302 if logged_in else 200)
    assert logged_in == (not device.strip())  # no choice at all: the code finds its app


def test_the_same_code_counts_at_the_device_that_was_chosen_and_at_no_other(client, alice, phone, second):
    give_password(client, alice)
    give_answer(client, code_of(second), device=phone.persistent_id)
    assert not is_logged_in(client)
    second.refresh_from_db()
    assert second.last_t == -1


@pytest.mark.parametrize("page", ["two-factor-reauthenticate", "two-factor-remove"])
def test_in_a_session_too_only_ones_own_devices_answer(client, alice, phone, second, mallorys, page):
    log_in(client, alice, phone)
    before = client.session["account_authentication_methods"]
    client.post(reverse(page), {"otp_token": code_of(mallorys), "device": mallorys.persistent_id})
    client.post(reverse(page), {"otp_token": code_of(mallorys)})
    assert TOTPDevice.objects.filter(user=alice).count() == 2
    assert client.session["account_authentication_methods"] == before
    assert client.session["otp_device_id"] == phone.persistent_id


def test_recovery_codes_of_another_user_are_not_taken(client, alice, phone, bob):
    codes = registry.recovery.renew(bob, 3)
    registry.recovery.renew(alice, 3)
    static = StaticDevice.objects.create(user=bob)
    static.token_set.create(token="mallorys")
    give_password(client, alice)
    for code in (*codes, "mallorys"):
        give_answer(client, code)
        assert not is_logged_in(client)
    assert static.token_set.exists()
    assert RecoveryDevice.objects.get(user=bob).codes_left() == 3


def test_the_registry_loads_no_device_that_is_not_the_users_own(alice, bob, phone, mallorys):
    assert lookup.load(phone.persistent_id, alice) == phone
    assert lookup.load(mallorys.persistent_id, alice) is None
    TOTPDevice.objects.update(confirmed=False)
    assert lookup.load(phone.persistent_id, alice) is None
