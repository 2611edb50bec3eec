"""Taking the second factor away, as 0.x promised it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import code_of, give_password, is_logged_in, log_in, wrong_code_of

pytestmark = pytest.mark.django_db

REMOVE = "/accounts/two-factor/remove/"


@pytest.fixture
def alices(client, alice, phone):
    """Alice's browser, logged in with the code before the one that shows now."""
    give_password(client, alice)
    client.post(reverse("two-factor-authenticate"), {"otp_token": code_of(phone, -1)})
    assert is_logged_in(client)
    return client


def test_an_anonymous_visitor_goes_to_the_login_and_back(client):
    response = client.get(REMOVE)
    assert urlsplit(response["Location"]).path == reverse("account_login")
    assert parse_qs(urlsplit(response["Location"]).query) == {"next": [REMOVE]}


def test_a_user_without_a_device_goes_to_the_setup(client, bob):
    give_password(client, bob)
    assert client.get(REMOVE)["Location"] == reverse("two-factor-setup")
    assert client.post(REMOVE)["Location"] == reverse("two-factor-setup")


def test_the_page_asks_for_a_code(alices):
    form = alices.get(REMOVE).context["form"]
    assert list(form.fields) == ["otp_token"]


def test_a_code_removes_the_device_and_leads_to_the_setup(alices, alice, phone):
    response = alices.post(REMOVE, {"otp_token": code_of(phone)})
    assert response["Location"] == reverse("two-factor-setup")
    assert not TOTPDevice.objects.filter(user=alice).exists()
    assert is_logged_in(alices)


@pytest.mark.usefixtures("tokens")
def test_the_tokens_go_with_the_device(alices, alice, phone):
    alices.post(REMOVE, {"otp_token": code_of(phone)})
    assert not StaticDevice.objects.filter(user=alice).exists()


def test_a_static_token_removes_the_device(alices, alice, tokens):
    alices.post(REMOVE, {"otp_token": tokens[0]})
    assert not TOTPDevice.objects.filter(user=alice).exists()


@pytest.mark.parametrize("answer", ["", "nonsense", "right digits, wrong code"])
def test_anything_else_removes_nothing(alices, phone, tokens, answer):
    answer = wrong_code_of(phone) if answer.startswith("right") else answer
    response = alices.post(REMOVE, {"otp_token": answer})
    assert response.status_code == 200
    assert response.context["form"].errors["otp_token"]
    assert TOTPDevice.objects.get() == phone
    assert StaticDevice.objects.get().token_set.count() == len(tokens)


def test_loading_the_page_removes_nothing(alices, phone):
    assert alices.get(REMOVE).status_code == 200
    assert TOTPDevice.objects.get() == phone


def test_the_next_login_asks_for_nothing(alices, alice, phone):
    alices.post(REMOVE, {"otp_token": code_of(phone)})
    alices.post(reverse("account_logout"))
    assert give_password(alices, alice)["Location"] == "/"
    assert is_logged_in(alices)


def test_the_device_of_somebody_else_stays(alices, bob, phone):
    other = TOTPDevice.objects.create(user=bob, confirmed=True)
    alices.post(REMOVE, {"otp_token": code_of(phone)})
    assert TOTPDevice.objects.get() == other


def test_no_code_is_asked_for_where_the_site_says_so(client, alice, phone, settings):
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    log_in(client, alice, phone)
    assert "otp_token" not in client.get(REMOVE).context["form"].fields
    assert client.post(REMOVE)["Location"] == reverse("two-factor-setup")
    assert not TOTPDevice.objects.filter(user=alice).exists()
