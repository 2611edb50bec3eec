"""Tokens of allauth's headless API name a session, and show its user where the session itself may show them."""

from __future__ import annotations

import re

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import support
from allauth_2fa.devices import staff
from allauth_2fa.sessions import ending
from tests.cast import code_of, drop, give_password, log_in

from .app import ACCESS_TOKEN, API, BY_JWT, SESSION_TOKEN, App, ask, user_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def by_jwt(settings):
    """Have the API give out JWTs that are held against the session, and the guard look each time."""
    settings.HEADLESS_TOKEN_STRATEGY = BY_JWT
    settings.HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
    settings.ALLAUTH_2FA_GUARD_RECHECK = 0


# What happens to a user between one request of the app and the next


def has_sessions_ended(user, _settings):
    lose_the_list()
    ending.end_all(user)


def lose_the_list():
    """Have nothing taken out of the store: sites without ``allauth.usersessions`` have no list of what is in it."""
    UserSession.objects.all().delete()


def has_password_reset(user, _settings):
    browser, mails = Client(), len(mail.outbox)
    browser.post(reverse("account_reset_password"), {"email": user.email})
    (link,) = re.findall(r"http://testserver(/\S+)", mail.outbox[mails].body)
    page = browser.get(link).url
    assert browser.post(page, {"password1": "another long one", "password2": "another long one"}).status_code == 302


def has_factor_removed_by_the_owner(user, _settings):
    device, browser = TOTPDevice.objects.create(user=user), Client()
    log_in(browser, user, device)
    TOTPDevice.objects.update(last_t=-1)
    lose_the_list()
    assert browser.post(reverse("two-factor-remove"), {"otp_token": code_of(device)}).status_code == 302


def has_factor_reset_by_support(user, _settings):
    TOTPDevice.objects.create(user=user)
    lose_the_list()
    support.reset(user, staff.console(), "lost the phone")


def has_device_enrolled_elsewhere(user, _settings):
    TOTPDevice.objects.create(user=user)


def has_to_have_a_factor(_user, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everybody"


WHAT_HAPPENED = [
    has_sessions_ended,
    has_password_reset,
    has_factor_removed_by_the_owner,
    has_factor_reset_by_support,
    has_device_enrolled_elsewhere,
    has_to_have_a_factor,
]


@pytest.mark.parametrize("place", [*SESSION_TOKEN, *ACCESS_TOKEN])
@pytest.mark.parametrize("happens", WHAT_HAPPENED)
def test_a_token_shows_no_user_that_its_session_may_not_show(bob, settings, place, happens):
    app = App(bob)
    assert app.user_at(place) == "bob"
    happens(bob, settings)
    assert app.user_at(place) is None


@pytest.mark.parametrize("happens", WHAT_HAPPENED)
def test_a_refresh_token_gives_nothing_where_its_session_may_not_show_its_user(bob, settings, happens):
    app = App(bob)
    assert app.refresh()
    assert app.user_at("rest/jwt") == "bob"
    happens(bob, settings)
    assert not app.refresh()
    assert not app.refresh()


def test_a_refresh_works_again_when_the_user_has_what_was_missing(bob, settings):
    app = App(bob)
    has_to_have_a_factor(bob, settings)
    assert not app.refresh()
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    assert app.refresh()


def test_the_tokens_of_a_session_that_sets_up_its_first_factor_end_with_its_old_key(bob):
    app, browser = App(bob), Client()
    browser.cookies["sessionid"] = app.session_token
    browser.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get(user=bob)
    assert browser.post(reverse("two-factor-setup"), {"otp_token": code_of(device)}).status_code == 302
    assert browser.session.session_key != app.session_token
    assert [app.user_at(place) for place in (*SESSION_TOKEN, *ACCESS_TOKEN)] == [None] * 5
    assert not app.refresh()
    assert user_of(browser.session.session_key) == "bob"


@pytest.mark.parametrize("place", SESSION_TOKEN)
def test_a_login_that_waits_is_no_token(alice, phone, place):
    app = App(alice)
    assert app.access_token is None
    assert app.user_at(place) is None


# The key of a browser's session


def shown(place, key):
    return user_of(key) if place == "session" else ask("/" + place, **{"X-Session-Token": key})


@pytest.mark.parametrize("place", SESSION_TOKEN)
def test_the_key_of_a_verified_session_shows_its_user(client, alice, phone, place):
    log_in(client, alice, phone)
    assert shown(place, client.session.session_key) == "alice"


@pytest.mark.parametrize("place", SESSION_TOKEN)
def test_the_key_of_a_session_whose_device_is_gone_shows_nobody(client, alice, phone, place):
    log_in(client, alice, phone)
    TOTPDevice.objects.create(user=alice, name="Another")
    drop(TOTPDevice.objects.filter(pk=phone.pk))
    assert shown(place, client.session.session_key) is None


@pytest.mark.parametrize("place", SESSION_TOKEN)
@pytest.mark.parametrize("happens", WHAT_HAPPENED)
def test_the_key_of_a_browsers_session_is_no_way_round_the_guard(client, bob, settings, place, happens):
    give_password(client, bob)
    key = client.session.session_key
    assert shown(place, key) == "bob"
    happens(bob, settings)
    assert shown(place, key) is None


@pytest.mark.parametrize("place", SESSION_TOKEN)
def test_a_session_of_another_login_view_from_before_the_factor_shows_nobody(alice, settings, place):
    """It was stored by a view that knows nothing of us, and no request has looked at it since."""
    session = SessionStore()
    session.update(
        {
            "_auth_user_id": str(alice.pk),
            "_auth_user_backend": settings.AUTHENTICATION_BACKENDS[0],
            "_auth_user_hash": alice.get_session_auth_hash(),
        }
    )
    session.save()
    assert shown(place, session.session_key) == "alice"
    TOTPDevice.objects.create(user=alice)
    assert shown(place, session.session_key) is None


def test_a_user_set_by_a_middleware_opens_no_session_of_somebody_else(alice, bob, settings):
    """allauth puts a user of its own reading instead of one who is there already."""
    app = App(alice)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.attacks.middleware.user_of_token"]
    assert user_of(app.session_token, **{"X-Token": "bob"}) == "alice"
    has_device_enrolled_elsewhere(alice, settings)
    assert user_of(app.session_token, **{"X-Token": "bob"}) is None


def exempt_all(_adapter, _request, _user):
    return True


@pytest.mark.parametrize("place", SESSION_TOKEN[1:])
def test_an_exempt_session_is_not_exempt_as_a_token(client, alice, settings, place, monkeypatch):
    """The hook is there to look at a request, and this one is not that of the session."""
    monkeypatch.setattr("allauth_2fa.adapter.OTPAdapter.is_two_factor_exempt", exempt_all)
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    assert client.get("/who/").json()["user"] == "alice"
    assert shown(place, client.session.session_key) is None


def test_the_list_of_sessions_keeps_one_that_waits_and_drops_one_that_is_over(client, bob, settings):
    """An owner ends the others there, a thief's among them."""
    give_password(client, bob)
    has_device_enrolled_elsewhere(bob, settings)
    listed = UserSession.objects.purge_and_list(bob)
    assert [session.session_key for session in listed] == [client.session.session_key]
    has_password_reset(bob, settings)
    assert UserSession.objects.purge_and_list(bob) == []


# How long a stateless access token lives on


def test_a_stateless_access_token_lives_on_for_as_long_as_it_says(bob, settings):
    settings.HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = False
    settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 300
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        app = App(bob)
        has_sessions_ended(bob, settings)
        assert not app.refresh()
        clock.shift(299)
        assert [app.user_at(place) for place in ACCESS_TOKEN] == ["bob", "bob"]
        clock.shift(2)
        assert [app.user_at(place) for place in ACCESS_TOKEN] == [None, None]


def test_a_stateless_access_token_opens_nothing_of_allauths_own(bob, settings):
    settings.HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = False
    app = App(bob)
    headers = {"Authorization": f"Bearer {app.access_token}"}
    assert Client().get(API + "account/email", headers=headers).status_code == 200
    has_sessions_ended(bob, settings)
    assert Client().get(API + "account/email", headers=headers).status_code in {401, 410}
