"""A second factor that is asked in the middle of a session, by the headless API."""

from __future__ import annotations

import json

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.backends.db import SessionStore

from allauth_2fa.factors import registry
from tests.cast import PASSWORD, code_of, wrong_code_of
from tests.headless.clients import App, JwtApp, errors_of
from tests.passkeys.authenticator import Authenticator

pytestmark = pytest.mark.django_db

NEW = {"email": "alice@example.net"}


@pytest.fixture(autouse=True)
def _proof_before_change(settings):
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = True


@pytest.fixture
def inside(api, alice, phone):
    """Alice's client, which has logged in by her phone."""
    api.log_in(alice)
    assert api.answer(code_of(phone)).status_code == 200
    type(phone).objects.update(last_t=-1)
    return api


def change(api):
    return api.post("account/email", NEW)


def test_a_change_names_the_flow_and_a_code_opens_it(inside, alice, phone):
    response = change(inside)
    assert response.status_code == 401
    assert [flow["id"] for flow in response.json()["data"]["flows"]] == ["mfa_reauthenticate"]
    response = inside.post("auth/2fa/reauthenticate", {"code": code_of(phone)})
    assert response.status_code == 200
    assert response.json()["data"]["methods"][-1]["reauthenticated"] is True
    assert change(inside).status_code == 200
    assert EmailAddress.objects.filter(user=alice, **NEW).exists()


def test_a_wrong_code_opens_nothing(inside, phone):
    assert errors_of(inside.post("auth/2fa/reauthenticate", {"code": wrong_code_of(phone)})) == [("incorrect_code", "code")]
    assert change(inside).status_code == 401


def test_a_passkey_opens_it_too(inside, alice):
    authenticator = Authenticator()
    authenticator.enroll(alice)
    options = inside.get("auth/webauthn/reauthenticate").json()["data"]["request_options"]["publicKey"]
    answer = json.loads(authenticator.get(options))
    assert inside.post("auth/webauthn/reauthenticate", {"credential": answer}).status_code == 200
    assert change(inside).status_code == 200
    assert errors_of(inside.post("auth/webauthn/reauthenticate", {"credential": answer})) == [("incorrect_code", "credential")]


def test_the_session_has_a_new_key_and_the_client_all_that_it_needs(inside, phone):
    old = (inside.session_token if isinstance(inside, App) else inside.client.session.session_key,)
    meta = inside.post("auth/2fa/reauthenticate", {"code": code_of(phone)}).json()["meta"]
    assert not SessionStore().exists(old[0])
    assert {"access_token", "refresh_token"} <= meta.keys() or not isinstance(inside, JwtApp)
    assert inside.user() == "alice"
    if isinstance(inside, JwtApp):
        assert inside.post("tokens/refresh", {"refresh_token": inside.refresh_token}).status_code == 200


def test_a_recovery_code_opens_it_once(inside, alice):
    (code,) = registry.recovery.renew(alice, 1)
    assert inside.post("auth/2fa/reauthenticate", {"code": code}).status_code == 200
    assert inside.post("auth/2fa/reauthenticate", {"code": code}).status_code == 400


def test_the_password_alone_opens_nothing(inside):
    inside.post("auth/reauthenticate", {"password": PASSWORD})
    assert change(inside).status_code == 401


def test_a_visitor_is_told_to_log_in(api, alice, phone):
    for path in ("auth/2fa/reauthenticate", "auth/webauthn/reauthenticate"):
        response = api.post(path, {"code": code_of(phone)})
        assert response.status_code == 401
        assert response.json()["meta"]["is_authenticated"] is False


def test_a_login_that_waits_does_not_reauthenticate(api, alice, phone):
    api.log_in(alice)
    assert api.post("auth/2fa/reauthenticate", {"code": code_of(phone)}).status_code == 401
    assert api.user() is None


def test_a_user_without_a_factor_is_told_how_else(api, bob):
    api.log_in(bob)
    response = api.post("auth/2fa/reauthenticate", {"code": "123456"})
    assert response.status_code == 401
    assert response.json()["data"]["flows"] == [{"id": "reauthenticate"}]


def test_whoever_uses_another_users_account_does_not_answer_for_its_owner(inside, phone, monkeypatch):
    monkeypatch.setattr("allauth_2fa.adapter.OTPAdapter.is_impersonated", lambda _adapter, _request: True)
    response = inside.post("auth/2fa/reauthenticate", {"code": code_of(phone)})
    assert response.status_code == 403
    assert response.json()["errors"][0]["code"] == "impersonated"
