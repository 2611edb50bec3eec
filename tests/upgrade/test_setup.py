"""Setting up the authenticator app, as 0.x promised it."""

from __future__ import annotations

from base64 import b32decode, b64decode
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.views import TwoFactorSetup
from tests.cast import code_of, give_password, log_in, wrong_code_of

pytestmark = pytest.mark.django_db

SETUP = "/accounts/two-factor/setup/"
TOKENS = "/accounts/two-factor/backup-tokens/"


@pytest.fixture
def alices(client, alice):
    """Alice's browser, just logged in by her password."""
    give_password(client, alice)
    return client


def begun_by(user) -> TOTPDevice:
    return TOTPDevice.objects.get(user=user, confirmed=False)


def test_an_anonymous_visitor_goes_to_the_login_and_back(client):
    response = client.get(SETUP)
    assert urlsplit(response["Location"]).path == reverse("account_login")
    assert parse_qs(urlsplit(response["Location"]).query) == {"next": [SETUP]}


def test_loading_the_page_leaves_one_unconfirmed_device(alices, alice):
    alices.get(SETUP)
    alices.get(SETUP)
    device = TOTPDevice.objects.get()
    assert device.user == alice
    assert not device.confirmed


def test_the_page_shows_the_secret_and_an_image_of_it(alices, alice):
    context = alices.get(SETUP).context
    assert b32decode(context["secret"]) == begun_by(alice).bin_key
    kind, data = context["qr_code_url"].split(",", 1)
    assert kind == "data:image/svg+xml;base64"
    assert b"<svg" in b64decode(data)
    assert context["form"].user == alice


def test_the_same_device_serves_until_it_is_confirmed(alices, alice):
    first = alices.get(SETUP).context["secret"]
    assert alices.get(SETUP).context["secret"] == first
    refused = alices.post(SETUP, {"otp_token": wrong_code_of(begun_by(alice))})
    assert refused.status_code == 200
    assert refused.context["form"].errors["otp_token"]
    assert refused.context["secret"] == first
    alices.post(SETUP, {"otp_token": code_of(begun_by(alice))})
    assert TOTPDevice.objects.get().confirmed


def test_the_first_code_confirms_the_device_and_leads_to_the_backup_tokens(alices, alice):
    alices.get(SETUP)
    device = begun_by(alice)
    response = alices.post(SETUP, {"otp_token": code_of(device)})
    assert response["Location"] == TOKENS
    assert TOTPDevice.objects.get(user=alice, confirmed=True) == device


def test_a_set_up_user_is_asked_at_the_next_login(alices, alice):
    alices.get(SETUP)
    alices.post(SETUP, {"otp_token": code_of(begun_by(alice))})
    alices.post(reverse("account_logout"))
    assert give_password(alices, alice)["Location"].startswith(reverse("two-factor-authenticate"))


def test_a_user_with_a_device_is_led_on_to_the_backup_tokens(client, alice, phone):
    log_in(client, alice, phone)
    assert client.get(SETUP)["Location"] == TOKENS
    assert client.post(SETUP, {"otp_token": "123456"})["Location"] == TOKENS
    assert TOTPDevice.objects.get() == phone


def test_a_static_token_confirms_no_device(alices, alice, tokens):
    alices.get(SETUP)
    assert alices.post(SETUP, {"otp_token": tokens[0]}).context["form"].errors["otp_token"]
    assert not begun_by(alice).confirmed


def test_the_app_shows_the_site_and_the_account(alices, site):
    view = TwoFactorSetup()
    view.setup(alices.get("/").wsgi_request)
    assert view.get_qr_code_kwargs() == {"issuer": site.name, "label": f"{site.name}: alice"}


def test_setup_is_closed_to_a_pending_login(client, alice, phone):
    give_password(client, alice)
    assert urlsplit(client.get(SETUP)["Location"]).path == reverse("account_login")
    assert TOTPDevice.objects.get() == phone
