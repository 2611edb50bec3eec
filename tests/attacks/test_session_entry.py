"""Attack: put something else where this package keeps what it knows of a session, or send an old session again."""

from __future__ import annotations

import time

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.state.session import SessionState
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in, noted, plant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

NOON = 1_750_000_000
ENTRY = "allauth_2fa"
GARBAGE = [None, True, 0, 1, -1, 1e300, 10**400, float("nan"), float("inf"), "", "x", "\x00", [], [None], [[]], ["1", 0], {}, {"a": 1}]
FACTS = [
    *("since", "checked_at", "met", "mfa", "trust", "shown_secret", "adding", "codes_pending", "passkeys_changed"),
    *("unknown_passkey", "sent", "passkey", "passkey_new", "passkey_login", "user"),
]
PAGES = ["two-factor-setup", "two-factor-overview", "two-factor-reauthenticate", "two-factor-backup-tokens", "two-factor-browsers"]
OLD_KEYS = ["allauth_2fa_checked", "allauth_2fa_met", "allauth_2fa_trusted", "allauth_2fa_since"]


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def written(client, entry):
    """Write this instead of our entry into the client's session."""
    session = client.session
    session[ENTRY] = entry
    session.save()


def everything(user):
    """Return an entry that says all that can be said for the user."""
    return {
        "user": str(user.pk),
        "since": user.last_login.timestamp() if user.last_login else time.time(),
        "checked_at": time.time(),
        "met": [time.time() + 60, None],
        "mfa": True,
        "trust": [str(user.pk), 1, "name"],
        "codes_pending": True,
    }


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_an_entry_of_any_type_shows_nobody_who_needs_a_second_factor(client, alice, clock, garbage):
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    written(client, garbage)
    assert who(client) == NOBODY
    assert not is_logged_in(client)


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_of_any_type_is_no_error_and_shows_nobody(client, alice, clock, fact, garbage):
    give_password(client, alice)
    for page in PAGES:
        written(client, {**noted(client), fact: garbage})
        assert client.get(reverse(page)).status_code in {200, 302}, page
    TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    written(client, {**noted(client), fact: garbage})
    assert who(client) == NOBODY
    assert not is_logged_in(client)


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_an_entry_of_any_type_does_not_bring_an_ended_session_back(client, alice, phone, clock, garbage):
    other = Client()
    log_in(other, alice, phone)
    clock.shift(60)
    log_in(client, alice, phone)
    client.post(reverse("two-factor-remove"), {"otp_token": code_of(phone, 1)})
    assert not TOTPDevice.objects.exists()
    written(other, garbage)
    assert who(other) == NOBODY


def test_nothing_that_is_logged_of_another_user_counts(client, alice, bob, phone, clock):
    give_password(client, bob)
    session = client.session
    session["_auth_user_id"], session["_auth_user_hash"] = str(alice.pk), alice.get_session_auth_hash()
    session[ENTRY] = everything(bob)
    session.save()
    assert who(client) == NOBODY
    assert not is_logged_in(client)


def test_another_users_entry_is_empty_and_is_replaced_by_the_next_one_that_is_written(alice, bob):
    bobs = everything(bob)
    session = {ENTRY: bobs}
    state = SessionState(session, alice)
    found = (state.since, state.checked_at, state.met, state.is_proved_by_mfa, state.trust, state.codes_pending, state.sent)
    assert found == (None, None, None, False, None, False, {})
    state.clear_login()
    assert session == {ENTRY: bobs}
    state.codes_pending = True
    assert session == {ENTRY: {"user": str(alice.pk), "codes_pending": True}}


def test_nothing_is_written_that_is_there_already_or_that_was_never_there(client, alice):
    session = client.session
    state = SessionState(session, alice)
    state.checked_at = 1
    session.modified = False
    state.checked_at = 1
    state.codes_pending = False
    state.adding = None
    state.unknown_passkey = ""
    state.take_question("passkey")
    assert not session.modified


def test_what_the_login_before_has_begun_is_not_the_next_users(client, alice, bob, phone):
    log_in(client, alice, phone)
    plant(client, alice, codes_pending=True, adding=["otp_totp.totpdevice/1", "x"])
    client.post("/logins/custom/", {"username": "bob", "password": PASSWORD})
    assert who(client)["user"] == "bob"
    assert noted(client)["user"] == str(bob.pk)
    assert noted(client).keys().isdisjoint({"codes_pending", "adding"})


@pytest.mark.parametrize("key", OLD_KEYS)
def test_a_session_from_before_the_entry_is_asked_again(client, alice, clock, key):
    """Releases before kept each fact under a key of its own. Nobody reads those any more."""
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    session = client.session
    del session[ENTRY]
    session[key] = [str(alice.pk), time.time(), None]
    session.save()
    assert who(client) == NOBODY
    assert not is_logged_in(client)


def test_a_replayed_cookie_of_a_session_that_was_checked_is_believed_no_longer_than_the_session_was(client, alice, settings, clock):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    give_password(client, alice)
    cookie = client.cookies["sessionid"].value
    device = TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert who(thief) == NOBODY
    give_answer(client, code_of(device))
    clock.shift(60)
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert who(thief) == NOBODY


def test_a_replayed_cookie_of_one_user_leaves_nothing_to_the_next_one(client, alice, bob, settings, clock):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    give_password(client, alice)
    cookie = client.cookies["sessionid"].value
    TOTPDevice.objects.create(user=bob)
    thief = Client()
    thief.cookies["sessionid"] = cookie
    thief.post("/logins/custom/", {"username": "bob", "password": PASSWORD})
    assert who(thief) == NOBODY
    assert not is_logged_in(thief)
