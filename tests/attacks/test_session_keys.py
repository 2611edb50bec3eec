"""Attack: plant a session key before, and use it after the privilege has changed."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]


def spy_on(client):
    """Return a browser that holds the session key that the client has now."""
    spy = Client()
    spy.cookies["sessionid"] = client.session.session_key
    return spy


def assert_useless(spy, client):
    """Check that the old key neither is the new one nor opens anything."""
    assert spy.cookies["sessionid"].value != client.cookies["sessionid"].value
    assert who(spy) == NOBODY
    assert who(client)["user"] == "alice"


def test_a_planted_key_is_not_the_one_that_is_logged_in(client, alice, phone):
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = session.session_key
    spy = spy_on(client)
    log_in(client, alice, phone)
    assert_useless(spy, client)


def test_the_key_of_the_pending_login_is_not_the_one_that_is_logged_in(client, alice, phone):
    give_password(client, alice)
    spy = spy_on(client)
    give_answer(client, code_of(phone))
    assert_useless(spy, client)


def test_the_key_of_a_foreign_login_is_not_the_one_that_is_logged_in(client, alice, phone):
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD})
    spy = spy_on(client)
    give_answer(client, code_of(phone))
    assert_useless(spy, client)


def test_the_enrollment_rotates_the_key(client, alice):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    spy = spy_on(client)
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(TOTPDevice.objects.get())})
    assert client.session["otp_device_id"]
    assert_useless(spy, client)


def test_the_removal_rotates_the_key(client, alice, phone):
    log_in(client, alice, phone)
    TOTPDevice.objects.update(last_t=-1)
    spy = spy_on(client)
    client.post(reverse("two-factor-remove"), {"otp_token": code_of(phone)})
    assert not TOTPDevice.objects.exists()
    assert_useless(spy, client)


def test_the_reauthentication_rotates_the_key(client, alice, phone):
    log_in(client, alice, phone)
    TOTPDevice.objects.update(last_t=-1)
    spy = spy_on(client)
    response = client.post(reverse("two-factor-reauthenticate"), {"otp_token": code_of(phone)})
    assert response.status_code == 302
    assert_useless(spy, client)


@pytest.mark.parametrize("engine", ["signed_cookies", "cache", "cached_db"])
def test_the_login_works_and_holds_on_every_kind_of_session(client, alice, phone, settings, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    give_password(client, alice)
    assert who(client) == NOBODY
    assert not is_logged_in(client)
    give_answer(client, code_of(phone))
    assert who(client) == {"user": "alice", "key": str(alice.pk)}
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD})
    assert who(client) == NOBODY
