"""Passkeys only: superusers need one, and an app does not stand in for it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending
from tests.contracts.test_documents import documented_context

from .conftest import ADD, PROVE, options_from
from .test_passwordless import sign_in

pytestmark = pytest.mark.django_db

ENROLL, OVERVIEW, CODES = "/accounts/two-factor/factors/enroll/", "/accounts/two-factor/factors/", "/accounts/two-factor/backup-tokens/"
SCRIPT = {"Sec-Fetch-Dest": "empty"}


@pytest.fixture(autouse=True)
def _passkeys_only(settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"superusers": ["webauthn"]}


def add(client, authenticator, query=""):
    """Add a passkey by the page, as its script does."""
    options = options_from(client, ADD)
    return client.post(reverse(ADD) + query, {"name": "Laptop", "credential": authenticator.create(options)})


def test_a_superuser_without_a_factor_adds_a_passkey_in_the_middle_of_the_login(client, staff, authenticator):
    response = give_password(client, staff, "?next=/private/")
    assert response["Location"] == ENROLL
    assert client.get(ENROLL)["Location"] == reverse(ADD)
    page = client.get(reverse(ADD))
    assert documented_context("add_passkey.html") <= set(page.context_data)
    assert "Cancel" in page.text
    assert not is_logged_in(client)
    response = add(client, authenticator)
    assert response["Location"] == f"{CODES}?next=%2Fprivate%2F"
    assert client.session["otp_device_id"] == WebAuthnCredential.objects.get().persistent_id
    assert len(client.get(response["Location"]).context["backup_tokens"]) == 10
    assert "staff" in client.get("/private/").text


def test_a_superuser_with_an_app_signs_in_with_it_and_is_led_to_add_a_passkey(client, staff, authenticator):
    app = TOTPDevice.objects.create(user=staff, name="Phone")
    give_password(client, staff)
    assert give_answer(client, code_of(app))["Location"] == ENROLL
    assert is_pending(client)
    assert not is_logged_in(client)
    assert client.get(reverse("two-factor-add", args=["totp"])).status_code == 404
    assert client.get("/accounts/two-factor/setup/")["Location"] == ENROLL
    assert add(client, authenticator, f"?replaces={app.persistent_id}")["Location"] == "/"
    assert "staff" in client.get("/private/").text
    assert TOTPDevice.objects.filter(pk=app.pk).exists()


def test_a_passkey_answers_at_once(client, staff, authenticator):
    authenticator.enroll(staff)
    give_password(client, staff)
    response = give_answer(client, authenticator.get(options_from(client, PROVE)))
    assert response["Location"] == "/"
    assert "staff" in client.get("/private/").text


def test_a_passkey_that_signs_in_alone_satisfies_too(client, staff, authenticator):
    authenticator.enroll(staff, passwordless=True)
    assert sign_in(client, authenticator)["Location"] == "/"
    assert "staff" in client.get("/private/").text


def test_an_app_satisfies_those_who_are_no_superusers(client, alice, phone):
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert "alice" in client.get("/private/").text


def test_both_kinds_are_offered_where_both_will_do(client, alice):
    give_password(client, alice)
    page = client.get(ENROLL)
    assert {factor["url"] for factor in page.context["addable"]} == {"/accounts/two-factor/setup/", reverse(ADD)}


def test_a_running_session_by_an_app_is_led_to_the_overview(client, staff):
    login_verified(client, staff, TOTPDevice.objects.create(user=staff, name="Phone"))
    assert client.get("/private/")["Location"] == f"{OVERVIEW}?next=%2Fprivate%2F"
    assert client.get("/private/", headers=SCRIPT).json()["data"]["flows"][0]["types"] == ["webauthn"]
    page = client.get(OVERVIEW)
    assert "You can use:" in page.text
    assert reverse(ADD) in page.text


def test_a_script_that_asks_for_a_passkey_while_the_login_waits_is_answered_and_does_not_cancel_it(client, staff):
    give_password(client, staff)
    response = client.post(reverse(ADD), {"action": "passkey"}, headers=SCRIPT)
    assert response.status_code == 200
    assert response.json()["user"]["name"]
    assert is_pending(client)


def test_a_passkey_of_one_who_waited_with_the_password_is_not_stored_beside_a_factor_that_came_meanwhile(client, staff, authenticator):
    give_password(client, staff)
    options = options_from(client, ADD)
    authenticator.enroll(staff, name="The owner's")
    mallorys = type(authenticator)()
    response = client.post(reverse(ADD), {"name": "Laptop", "credential": mallorys.create(options)})
    assert response["Location"] == reverse("account_login")
    assert WebAuthnCredential.objects.get().name == "The owner's"
    assert not is_logged_in(client)


def test_what_was_asked_in_a_login_that_is_over_adds_nothing(client, staff, authenticator):
    give_password(client, staff)
    options = options_from(client, ADD)
    client.get("/")
    response = client.post(reverse(ADD), {"name": "Laptop", "credential": authenticator.create(options)})
    assert response["Location"].startswith(reverse("account_login"))
    assert not WebAuthnCredential.objects.exists()


def test_the_last_passkey_stays_and_is_replaced_by_another_one_only(client, staff, authenticator):
    first = authenticator.enroll(staff, name="Old")
    login_verified(client, staff, first)
    app = reverse("two-factor-add", args=["totp"])
    client.get(f"{app}?replaces={first.persistent_id}")
    client.post(f"{app}?replaces={first.persistent_id}", {"otp_token": code_of(TOTPDevice.objects.get())})
    assert WebAuthnCredential.objects.get() == first
    login_verified(client, staff, first)
    add(client, type(authenticator)(), f"?replaces={first.persistent_id}")
    assert WebAuthnCredential.objects.get().name == "Laptop"
    assert "staff" in client.get("/private/").text


def test_the_first_passkey_ends_the_sessions_from_before(client, staff, authenticator, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    other = Client()
    give_password(other, staff)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    give_password(client, staff)
    add(client, authenticator)
    assert "staff" in client.get("/private/").text
    assert other.get("/private/")["Location"].startswith("/accounts/login/")
