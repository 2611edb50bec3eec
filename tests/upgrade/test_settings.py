"""The settings of 0.x, with their meaning."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import app_settings
from tests.cast import code_of, drop, give_password, log_in

pytestmark = pytest.mark.django_db

SETUP = "/accounts/two-factor/setup/"
TOKENS = "/accounts/two-factor/backup-tokens/"
REMOVE = "/accounts/two-factor/remove/"

DEFAULTS = {
    "TEMPLATE_EXTENSION": "html",
    "ALWAYS_REVEAL_BACKUP_TOKENS": False,
    "REMOVE_SUCCESS_URL": "two-factor-setup",
    "SETUP_SUCCESS_URL": "two-factor-backup-tokens",
    "FORMS": {},
    "REQUIRE_OTP_ON_DEVICE_REMOVAL": True,
    "BACKUP_TOKENS_NUMBER": 10,
}


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_each_setting_has_the_default_of_0x_but_for_revealing_and_the_number_of_codes(name, default):
    assert getattr(app_settings, name) == default


@pytest.mark.parametrize("name", DEFAULTS)
def test_each_setting_is_read_when_it_is_used(settings, name):
    value = object()
    setattr(settings, f"ALLAUTH_2FA_{name}", value)
    assert getattr(app_settings, name) is value


def test_a_setting_that_there_is_not_is_no_attribute():
    with pytest.raises(AttributeError):
        _ = app_settings.NO_SUCH_THING


def test_the_setup_leads_where_the_site_says(client, alice, settings):
    settings.ALLAUTH_2FA_SETUP_SUCCESS_URL = "home"
    give_password(client, alice)
    client.get(SETUP)
    assert client.post(SETUP, {"otp_token": code_of(TOTPDevice.objects.get())})["Location"] == "/"
    assert client.get(SETUP)["Location"] == "/"


def test_the_removal_leads_where_the_site_says(client, alice, phone, settings):
    settings.ALLAUTH_2FA_REMOVE_SUCCESS_URL = "home"
    give_password(client, alice)
    client.post(reverse("two-factor-authenticate"), {"otp_token": code_of(phone, -1)})
    assert client.post(REMOVE, {"otp_token": code_of(phone)})["Location"] == "/"


@pytest.mark.parametrize("number", [1, 10])
def test_as_many_tokens_are_made_as_the_site_says(client, alice, phone, settings, number):
    settings.ALLAUTH_2FA_BACKUP_TOKENS_NUMBER = number
    log_in(client, alice, phone)
    assert len(client.post(TOKENS).context["backup_tokens"]) == number
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    assert len(client.post(TOKENS).context["backup_tokens"]) == number


@pytest.fixture
def other_extension(use_templates, tmp_path):
    """Templates of the project's that end in .htm."""
    (tmp_path / "allauth_2fa").mkdir()
    for page in ("authenticate", "setup", "backup_tokens", "remove"):
        (tmp_path / "allauth_2fa" / f"{page}.htm").write_text(f"{page} ends in htm")
    use_templates(tmp_path)


@pytest.mark.usefixtures("other_extension")
@pytest.mark.parametrize("name", ["ALLAUTH_2FA_TEMPLATE_EXTENSION", "ACCOUNT_TEMPLATE_EXTENSION"])
def test_templates_end_as_the_site_says_to_us_or_to_allauth(client, alice, phone, settings, name):
    give_password(client, alice)
    setattr(settings, name, "htm")
    assert client.get(reverse("two-factor-authenticate")).text == "authenticate ends in htm"
    client.post(reverse("two-factor-authenticate"), {"otp_token": code_of(phone)})
    assert client.get(TOKENS).text == "backup_tokens ends in htm"
    assert client.get(REMOVE).text == "remove ends in htm"
    drop(type(phone).objects.all())
    assert client.get(SETUP).text == "setup ends in htm"
