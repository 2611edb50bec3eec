"""Taking the second factor away."""

from __future__ import annotations

import pytest
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryDevice
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_password, is_logged_in, wrong_code_of

pytestmark = pytest.mark.django_db

REMOVE = "/accounts/two-factor/remove/"


@pytest.fixture
def verified(client, alice, phone):
    login_verified(client, alice, phone)
    return client


def test_a_code_takes_everything_away(verified, alice, phone):
    registry.recovery.renew(alice, 3)
    StaticDevice.objects.create(user=alice, name="backup").token_set.create(token="abcdefgh")
    TOTPDevice.objects.create(user=alice, confirmed=False)
    key = verified.session.session_key
    response = verified.post(REMOVE, {"otp_token": code_of(phone)})
    assert response["Location"] == "/accounts/two-factor/setup/"
    for model in (TOTPDevice, RecoveryDevice, StaticDevice, StaticToken):
        assert not model.objects.exists()
    assert "otp_device_id" not in verified.session
    assert verified.session.session_key != key
    assert "alice" in verified.get("/").text
    verified.logout()
    give_password(verified, alice)
    assert is_logged_in(verified)


def test_a_wrong_code_takes_nothing_away(verified, phone):
    response = verified.post(REMOVE, {"otp_token": wrong_code_of(phone)})
    assert response.status_code == 200
    assert response.context["form"].errors["otp_token"]
    assert TOTPDevice.objects.filter(pk=phone.pk).exists()


def test_the_devices_of_others_stay(verified, phone, bob):
    theirs = TOTPDevice.objects.create(user=bob)
    verified.post(REMOVE, {"otp_token": code_of(phone)})
    assert list(TOTPDevice.objects.all()) == [theirs]


def test_without_a_code_field_a_fresh_authentication_will_do(verified, settings):
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    assert "otp_token" not in verified.get(REMOVE).context["form"].fields
    verified.post(REMOVE)
    assert not TOTPDevice.objects.exists()


def test_without_a_code_field_an_old_authentication_will_not(verified, phone, settings):
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    session = verified.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    response = verified.post(REMOVE)
    assert response["Location"] == "/accounts/two-factor/factors/reauthenticate/?next=%2Faccounts%2Ftwo-factor%2Fremove%2F"
    response = verified.post(response["Location"], {"otp_token": wrong_code_of(phone)})
    assert response.status_code == 200
    TOTPDevice.objects.update(throttling_failure_count=0)
    # The POST that was interrupted is resumed by itself.
    response = verified.post(
        "/accounts/two-factor/factors/reauthenticate/?next=%2Faccounts%2Ftwo-factor%2Fremove%2F", {"otp_token": code_of(phone)}
    )
    assert response["Location"] == "/accounts/two-factor/setup/"
    assert not TOTPDevice.objects.exists()


def test_a_user_who_has_nothing_is_led_to_the_setup(client, bob):
    give_password(client, bob)
    assert client.get(REMOVE)["Location"] == "/accounts/two-factor/setup/"


def test_an_anonymous_visitor_is_led_to_the_login(client):
    assert client.get(REMOVE)["Location"] == f"/accounts/login/?next={REMOVE}"
