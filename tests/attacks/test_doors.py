"""Attack: come in by another door than allauth's, with the password alone."""

from __future__ import annotations

import time

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks import urls as doors
from tests.cast import PASSWORD, code_of, give_answer, is_logged_in, is_pending

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

CREDENTIALS = {"username": "alice", "password": PASSWORD}
NOBODY = {"user": "", "key": None}
DOORS = ["/door/django/", "/door/custom/", "/door/atomic/", "/door/saved/", "/door/async/", "/door/token/"]


@pytest.fixture(autouse=True)
def _clean_looks():
    doors.LOOKS.clear()


def who(client, path="/who/"):
    """Ask as a script does, which is no page."""
    response = client.get(path, headers={"Sec-Fetch-Dest": "empty"})
    return response.json() if response.status_code == 200 else NOBODY


@pytest.mark.parametrize("door", DOORS)
def test_no_door_lets_a_user_with_a_factor_in_by_the_password(client, alice, phone, door):
    response = client.post(door, CREDENTIALS)
    assert not is_logged_in(client)
    assert is_pending(client)
    assert all(look == NOBODY for look in doors.LOOKS)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    assert who(client) == NOBODY
    assert who(client, "/who-async/") == NOBODY


@pytest.mark.parametrize("door", DOORS)
def test_behind_the_door_the_code_logs_in_and_is_asked_once(client, alice, phone, door):
    client.post(door, CREDENTIALS)
    response = give_answer(client, code_of(phone))
    assert response.status_code == 302
    assert who(client) == {"user": "alice", "key": str(alice.pk)}
    assert client.get("/who/").json()["user"] == "alice"


@pytest.mark.parametrize("door", DOORS)
def test_a_user_without_a_factor_passes_every_door(client, bob, door):
    client.post(door, {**CREDENTIALS, "username": "bob"})
    assert who(client) == {"user": "bob", "key": str(bob.pk)}


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Dest": "empty"}, {"X-Requested-With": "XMLHttpRequest"}, {"Accept": "application/json"}])
def test_a_script_at_the_door_gets_the_refusal_and_nothing_of_the_view(client, alice, phone, headers):
    response = client.post("/door/token/", CREDENTIALS, headers=headers)
    assert response.status_code == 403
    assert response.json()["data"]["flows"][0]["id"] == "mfa_authenticate"
    assert "token of" not in response.text


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Dest": "empty"}, {"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "document; empty"}])
def test_a_credential_that_the_view_gives_out_behind_its_login_is_not_sent(client, alice, phone, headers):
    response = client.post("/door/token/", CREDENTIALS, headers=headers)
    assert "token of" not in response.text
    assert "X-Token" not in response
    assert "token" not in response.cookies


def test_a_view_that_breaks_behind_its_login_lets_nobody_in(client, alice, phone):
    client.raise_request_exception = False
    client.post("/door/crash/", CREDENTIALS)
    assert not is_logged_in(client)


def test_a_login_that_was_settled_does_not_cover_another_users_login_in_the_same_request(client, alice, phone, bob):
    response = client.get("/door/two/", headers={"Sec-Fetch-Dest": "empty"})
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
    client.post("/door/custom/", CREDENTIALS)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    client.post("/door/custom/", CREDENTIALS)
    assert not is_logged_in(client)


def test_a_device_id_left_in_the_session_does_not_verify_a_foreign_login(client, alice, phone):
    session = client.session
    session["otp_device_id"] = phone.persistent_id
    session["allauth_2fa"] = {"user": str(alice.pk), "checked_at": time.time(), "since": 9e9, "mfa": True}
    session.save()
    client.post("/door/custom/", CREDENTIALS)
    assert not is_logged_in(client)
    assert who(client) == NOBODY
