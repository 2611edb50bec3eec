"""Passkeys by the headless API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from allauth_2fa.audit.log import AuditEntry
from allauth_2fa.testing import login_verified
from tests.headless.clients import Api, App, errors_of, pending
from tests.passkeys.authenticator import Authenticator

if TYPE_CHECKING:
    from django_otp_webauthn.models import WebAuthnCredential

pytestmark = pytest.mark.django_db

LOGIN, CHALLENGE, CONFIRM = "auth/webauthn/login", "auth/webauthn/authenticate", "auth/webauthn/reauthenticate"


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator()


@pytest.fixture
def passkey(alice, authenticator) -> WebAuthnCredential:
    return authenticator.enroll(alice, name="Laptop")


def credential(api: Api, path: str, authenticator: Authenticator, **lies) -> dict:
    """Have the passkey answer what the endpoint asks."""
    response = api.get(path)
    assert response.status_code == 200, response.content
    return json.loads(authenticator.get(response.json()["data"]["request_options"]["publicKey"], **lies))


def test_a_passkey_answers_after_the_password(api, alice, passkey, authenticator):
    assert pending(api.log_in(alice))["types"] == ["webauthn"]
    answer = credential(api, CHALLENGE, authenticator)
    assert api.user() is None
    response = api.post(CHALLENGE, {"credential": answer})
    assert response.status_code == 200, response.content
    assert response.json()["data"]["methods"][-1]["type"] == "webauthn"
    assert api.user() == "alice"


def test_an_answer_to_another_question_is_refused_and_its_question_used_up(api, alice, passkey, authenticator):
    api.log_in(alice)
    old = credential(api, CHALLENGE, authenticator)
    new = credential(api, CHALLENGE, authenticator)
    assert errors_of(api.post(CHALLENGE, {"credential": old})) == [("incorrect_code", "credential")]
    response = api.post(CHALLENGE, {"credential": new})
    assert response.json()["errors"][0]["reason"] == "expired"
    assert api.user() is None


@pytest.mark.parametrize(
    "garbage", [{}, {"id": "x"}, [], ["x"], "x", "[" * 100_000, 7, True, {"rawId": {}, "response": [], "padding": "x" * 64}]
)
def test_what_is_no_answer_of_a_passkey_is_refused(api, alice, passkey, garbage):
    api.log_in(alice)
    api.get(CHALLENGE)
    assert errors_of(api.post(CHALLENGE, {"credential": garbage}))[0][1] == "credential"
    assert api.user() is None
    assert AuditEntry.objects.filter(event="challenge_refused").count() <= 1


def test_a_code_is_no_answer_of_a_passkey(api, alice, phone, passkey):
    """Wrong codes are charged at the endpoint for codes alone."""
    api.log_in(alice)
    api.get(CHALLENGE)
    api.post(CHALLENGE, {"credential": "123456"})
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 0


def test_a_user_without_a_passkey_is_not_asked_for_one(api, alice, phone):
    api.log_in(alice)
    assert errors_of(api.get(CHALLENGE)) == [("incorrect_code", "credential")]


def test_a_passkey_signs_in_alone(api, alice, authenticator):
    authenticator.enroll(alice, passwordless=True)
    response = api.post(LOGIN, {"credential": credential(api, LOGIN, authenticator)})
    assert response.status_code == 200, response.content
    (record,) = response.json()["data"]["methods"]
    assert (record["method"], record["type"], record["passwordless"]) == ("mfa", "webauthn", True)
    assert api.user() == "alice"


def test_a_passkey_for_use_after_the_password_does_not_sign_in_alone(api, alice, passkey, authenticator):
    response = api.post(LOGIN, {"credential": credential(api, LOGIN, authenticator)})
    assert response.json()["errors"][0]["reason"] == "password"
    assert api.user() is None


def test_whoever_is_logged_in_does_not_log_in(client, alice, phone):
    login_verified(client, alice, phone)
    app = App()
    app.session_token = client.session.session_key
    assert app.post(LOGIN, {"credential": {"id": "x"}}).status_code == 409


def test_too_many_logins_by_passkey_are_stopped(api, settings):
    settings.ACCOUNT_RATE_LIMITS = {"allauth_2fa_passkey": "1/m/ip"}
    api.post(LOGIN, {"credential": {"id": "x"}})
    assert api.post(LOGIN, {"credential": {"id": "x"}}).status_code == 429


def test_where_passkeys_do_not_sign_in_alone_there_is_no_such_endpoint(api, settings):
    settings.ALLAUTH_2FA_PASSKEY_LOGIN = settings.MFA_PASSKEY_LOGIN_ENABLED = False
    assert api.get(LOGIN).status_code == 404
    assert api.post(LOGIN, {"credential": {"id": "x"}}).status_code == 404


def test_nobody_signs_up_by_a_passkey(api):
    path = "auth/webauthn/signup"
    assert api.post(path, {"email": "new@example.com"}).status_code == 403
    assert api.get(path).status_code == 409
    assert api.ask("PUT", path, {"name": "Key"}).status_code == 409
