"""dj-rest-auth's login view: what the guard stops there, what it cannot, and that a check names it."""

from __future__ import annotations

import pytest
from dj_rest_auth.app_settings import api_settings
from django.core.checks import run_checks
from django.test import Client
from rest_framework.authtoken.models import Token

from tests.cast import PASSWORD, code_of, is_logged_in, is_pending

from .app import ask

pytestmark = pytest.mark.django_db


def log_in_at(client, user):
    return client.post("/dj-rest-auth/login/", {"username": user.username, "password": PASSWORD}, content_type="application/json")


def profile(client):
    """Ask dj-rest-auth who is there, as a script does."""
    return client.get("/dj-rest-auth/user/", headers={"Sec-Fetch-Dest": "empty"})


def opens(key):
    """Return the user that the token shows, None where it is refused."""
    return ask("/rest/token", Authorization=f"Token {key}")


@pytest.fixture
def rest_auth(monkeypatch):
    """Set dj-rest-auth's settings, which it has read when it was imported."""

    def configure(**values):
        for name, value in values.items():
            monkeypatch.setattr(api_settings, name, value)

    return configure


def test_a_user_without_a_factor_is_given_the_token(client, bob):
    response = log_in_at(client, bob)
    assert opens(response.json()["key"]) == "bob"
    assert is_logged_in(client)


def test_a_login_by_session_and_token_is_stopped_and_the_token_not_sent(client, alice, phone):
    response = log_in_at(client, alice)
    assert response.status_code == 403
    assert response.json()["data"]["flows"][0]["id"] == "mfa_authenticate"
    assert not is_logged_in(client)
    assert is_pending(client)
    assert Token.objects.get().key not in response.text


def test_the_token_of_a_stopped_login_is_stored_all_the_same_and_the_next_login_would_be_given_it(client, alice, phone, rest_auth):
    """The documentation says so: anyone who reads the table has it, and so has anyone who got it before."""
    log_in_at(client, alice)
    stored = Token.objects.get().key
    assert opens(stored) == "alice"
    rest_auth(SESSION_LOGIN=False)
    assert log_in_at(Client(), alice).json()["key"] == stored


def test_a_login_by_session_alone_is_stopped(client, alice, phone, rest_auth):
    rest_auth(TOKEN_MODEL=None)
    assert log_in_at(client, alice).status_code == 403
    assert not is_logged_in(client)
    assert profile(client).status_code in {401, 403}
    client.post("/accounts/two-factor/authenticate/", {"otp_token": code_of(phone)})
    assert profile(client).json()["username"] == "alice"


def test_a_login_by_token_alone_is_not_stopped_and_a_check_names_it(client, alice, phone, rest_auth):
    rest_auth(SESSION_LOGIN=False)
    assert opens(log_in_at(client, alice).json()["key"]) == "alice"
    warned = [message.msg for message in run_checks() if message.id == "allauth_2fa.W030"]
    named = ("dj_rest_auth.views.LoginView", "dj_rest_auth.registration.views.RegisterView")
    assert all(any(view in text for text in warned) for view in named)


def test_a_password_that_is_wrong_stops_the_view_itself(client, alice, phone):
    response = client.post("/dj-rest-auth/login/", {"username": "alice", "password": "wrong"}, content_type="application/json")
    assert response.status_code == 400
    assert not Token.objects.exists()
