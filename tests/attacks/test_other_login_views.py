"""Attack: come in by a login view other than allauth's, with the password alone."""

from __future__ import annotations

import time

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks import urls as login_views
from tests.cast import PASSWORD, code_of, give_answer, is_logged_in, is_pending

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

CREDENTIALS = {"username": "alice", "password": PASSWORD}
NOBODY = {"user": "", "key": None}
LOGIN_VIEWS = ["/logins/django/", "/logins/custom/", "/logins/atomic/", "/logins/saved/", "/logins/async/", "/logins/token/"]


@pytest.fixture(autouse=True)
def _clean_looks():
    login_views.LOOKS.clear()


def who(client, path="/who/"):
    """Ask as a script does, which is no page."""
    response = client.get(path, headers={"Sec-Fetch-Dest": "empty"})
    return response.json() if response.status_code == 200 else NOBODY


@pytest.mark.parametrize("login_view", LOGIN_VIEWS)
def test_no_login_view_admits_a_user_with_a_factor_by_the_password_alone(client, alice, phone, login_view):
    response = client.post(login_view, CREDENTIALS)
    assert not is_logged_in(client)
    assert is_pending(client)
    assert all(look == NOBODY for look in login_views.LOOKS)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    assert who(client) == NOBODY
    assert who(client, "/who-async/") == NOBODY


@pytest.mark.parametrize("login_view", LOGIN_VIEWS)
def test_after_the_login_view_the_code_logs_in_and_is_asked_once(client, alice, phone, login_view):
    client.post(login_view, CREDENTIALS)
    response = give_answer(client, code_of(phone))
    assert response.status_code == 302
    assert who(client) == {"user": "alice", "key": str(alice.pk)}
    assert client.get("/who/").json()["user"] == "alice"


@pytest.mark.parametrize("login_view", LOGIN_VIEWS)
def test_a_user_without_a_factor_passes_every_login_view(client, bob, login_view):
    client.post(login_view, {**CREDENTIALS, "username": "bob"})
    assert who(client) == {"user": "bob", "key": str(bob.pk)}


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Dest": "empty"}, {"X-Requested-With": "XMLHttpRequest"}, {"Accept": "application/json"}])
def test_a_script_at_a_login_view_gets_the_refusal_and_nothing_of_the_view(client, alice, phone, headers):
    response = client.post("/logins/token/", CREDENTIALS, headers=headers)
    assert response.status_code == 403
    assert response.json()["data"]["flows"][0]["id"] == "mfa_authenticate"
    assert "token of" not in response.text


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Dest": "empty"}, {"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "document; empty"}])
def test_a_credential_that_the_view_gives_out_after_its_login_is_not_sent(client, alice, phone, headers):
    response = client.post("/logins/token/", CREDENTIALS, headers=headers)
    assert "token of" not in response.text
    assert "X-Token" not in response
    assert "token" not in response.cookies


def test_a_view_that_breaks_after_its_login_logs_nobody_in(client, alice, phone):
    client.raise_request_exception = False
    client.post("/logins/crash/", CREDENTIALS)
    assert not is_logged_in(client)


def test_a_finished_login_does_not_cover_another_users_login_in_the_same_request(client, alice, phone, bob):
    response = client.get("/logins/two/", headers={"Sec-Fetch-Dest": "empty"})
    assert "alice" not in response.text
    assert not is_logged_in(client)


def test_force_login_of_a_test_client_or_a_management_script_stops_at_the_challenge(client, alice, phone):
    client.force_login(alice)
    assert not is_logged_in(client)


async def _async_force(client, alice):
    await client.aforce_login(alice)
    response = await client.get("/who-async/", headers={"Sec-Fetch-Dest": "empty"})
    return response.json() if response.status_code == 200 else NOBODY


def test_aforce_login_stops_at_the_challenge(alice, phone):
    assert async_to_sync(_async_force)(AsyncClient(), alice) == NOBODY


def test_the_admins_login_stops_at_the_challenge(client, staff):
    TOTPDevice.objects.create(user=staff)
    response = client.post("/admin/login/?next=/admin/auth/user/", {"username": "staff", "password": PASSWORD})
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    assert not is_logged_in(client)
    response = client.get("/admin/auth/user/", headers={"Sec-Fetch-Dest": "empty"})
    assert response.status_code != 200


def test_a_second_password_login_in_a_verified_session_is_asked_again(client, alice, phone):
    client.post("/logins/custom/", CREDENTIALS)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    client.post("/logins/custom/", CREDENTIALS)
    assert not is_logged_in(client)


def test_a_device_id_left_in_the_session_does_not_verify_a_foreign_login(client, alice, phone):
    session = client.session
    session["otp_device_id"] = phone.persistent_id
    session["allauth_2fa"] = {"user": str(alice.pk), "checked_at": time.time(), "since": 9e9, "mfa": True}
    session.save()
    client.post("/logins/custom/", CREDENTIALS)
    assert not is_logged_in(client)
    assert who(client) == NOBODY
