"""Attack: find a pending login in the list of one's sessions, break that list, or outlive an end of them all."""

from __future__ import annotations

import pytest
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.signals import two_factor_event
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db


def test_a_pending_login_is_no_session_and_a_finished_one_is(client, alice, phone):
    give_password(client, alice)
    client.get("/who/", headers={"Sec-Fetch-Dest": "empty"})
    assert not UserSession.objects.exists()
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    assert UserSession.objects.filter(user=alice).count() == 1


def test_a_foreign_login_is_no_session(client, alice, phone):
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD})
    client.get("/who/", headers={"Sec-Fetch-Dest": "empty"})
    assert not UserSession.objects.exists()
    give_answer(client, code_of(phone))
    assert UserSession.objects.filter(user=alice).count() == 1


def listed(user):
    """Return the keys of the user's sessions on allauth's list."""
    return set(UserSession.objects.filter(user=user).values_list("session_key", flat=True))


@pytest.fixture
def numbers():
    """How many sessions each announcement says were ended."""
    heard = []

    def hear(event, facts, **_rest):
        if event == "sessions_ended":
            heard.append(facts)

    two_factor_event.connect(hear)
    yield heard
    two_factor_event.disconnect(hear)


@pytest.mark.parametrize("engine", ["db", "cache", "cached_db"])
def test_the_first_factor_takes_the_other_sessions_off_the_list_and_out_of_their_store(
    client, alice, bob, settings, engine, numbers, django_capture_on_commit_callbacks
):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    others = [Client(), Client()]
    neighbour = Client()
    for visitor in (client, *others):
        give_password(visitor, alice)
    give_password(neighbour, bob)
    keys = [other.session.session_key for other in others]
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get(confirmed=False)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    assert listed(alice) == {client.session.session_key}
    assert listed(bob) == {neighbour.session.session_key}
    assert not any(client.session.exists(key) for key in keys)
    assert numbers == [{"how": "enrollment", "number": "2"}]
    assert not any(is_logged_in(other) for other in others)
    assert is_logged_in(client)
    assert is_logged_in(neighbour)


class BrokenSessions(DefaultUserSessionsAdapter):
    """Cannot reach the store."""

    def end_sessions(self, sessions):
        """Fail as a cache that is down does."""
        raise ConnectionError


def test_a_store_that_cannot_be_reached_keeps_no_session_alive_and_breaks_no_page(client, alice, phone, settings, caplog):
    settings.USERSESSIONS_ADAPTER = "tests.attacks.beside.test_usersessions.BrokenSessions"
    other = Client()
    for visitor in (client, other):
        TOTPDevice.objects.update(last_t=-1)
        give_password(visitor, alice)
        give_answer(visitor, code_of(phone))
    TOTPDevice.objects.update(last_t=-1)
    assert client.post(reverse("two-factor-remove"), {"otp_token": code_of(phone)}).status_code == 302
    assert "could not be taken out of their store" in caplog.text
    assert is_logged_in(other)
    assert other.get("/who/", headers={"Sec-Fetch-Dest": "empty"}).json() == {"user": "", "key": None}
    assert client.get("/who/", headers={"Sec-Fetch-Dest": "empty"}).json()["user"] == "alice"


def test_a_session_that_answers_again_stays_on_the_list(client, alice, phone):
    """A thief who answers twice must not leave the list, and outlive "Sign out other sessions"."""
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert listed(alice) == {client.session.session_key}
    TOTPDevice.objects.update(last_t=-1, throttling_failure_count=0)
    answered = client.post(reverse("two-factor-reauthenticate"), {"otp_token": code_of(phone)})
    assert answered.status_code == 302
    assert listed(alice) == {client.session.session_key}
    assert is_logged_in(client)


def test_a_session_that_adds_another_device_stays_on_the_list(client, alice, phone):
    give_password(client, alice)
    give_answer(client, code_of(phone))
    add = reverse("two-factor-add", args=["totp"])
    client.get(add)
    device = TOTPDevice.objects.get(confirmed=False)
    assert client.post(add, {"otp_token": code_of(device)}).status_code == 302
    assert TOTPDevice.objects.filter(confirmed=True).count() == 2
    assert listed(alice) == {client.session.session_key}
    assert is_logged_in(client)
