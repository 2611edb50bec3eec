"""Attack: have a session read by code without a request, a websocket's say, that could not be used in a browser any more."""

from __future__ import annotations

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import support
from allauth_2fa.devices import staff
from allauth_2fa.login import guard
from allauth_2fa.models import Browser
from allauth_2fa.sessions import ending
from allauth_2fa.testing import login_verified
from allauth_2fa.utils import session_may_show
from tests.attacks.test_ended_sessions import store  # noqa: F401 - a fixture
from tests.cast import code_of, drop, give_answer, give_password, is_logged_in, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]


@pytest.fixture(autouse=True)
def _looks_each_time(settings):
    settings.ALLAUTH_2FA_GUARD_RECHECK = 0


def test_a_session_shows_its_user_and_nobody_else(client, alice, bob, phone):
    log_in(client, alice, phone)
    assert session_may_show(client.session, alice)
    assert not session_may_show(client.session, bob)
    assert not session_may_show(client.session, AnonymousUser())
    assert not session_may_show(Client().session, alice)
    assert not session_may_show(Client().session, AnonymousUser())


def test_the_session_of_a_user_without_a_factor_shows_them(client, bob):
    give_password(client, bob)
    assert session_may_show(client.session, bob)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("verified", [True, False])
def test_an_ended_session_shows_nobody_whichever_store_it_is_in(client, bob, verified):
    if verified:
        login_verified(client, bob)
    else:
        give_password(client, bob)
    held = client.session
    assert session_may_show(held, bob)
    support.reset(bob, staff.console(), "lost the phone") if verified else ending.end_all(bob)
    assert not session_may_show(held, bob)


@pytest.mark.usefixtures("store")
def test_a_session_that_needs_the_factor_shows_nobody_whichever_store_it_is_in(client, bob):
    give_password(client, bob)
    held = client.session
    TOTPDevice.objects.create(user=bob)
    assert not session_may_show(held, bob)


def test_a_session_whose_device_is_gone_shows_nobody(client, alice, phone):
    log_in(client, alice, phone)
    TOTPDevice.objects.create(user=alice)
    drop(TOTPDevice.objects.filter(pk=phone.pk))
    assert not session_may_show(client.session, alice)


def test_a_session_that_lacks_what_is_required_shows_nobody(client, bob, settings):
    give_password(client, bob)
    settings.ALLAUTH_2FA_REQUIRED = "everybody"
    assert not session_may_show(client.session, bob)
    login_verified(client, bob)
    assert session_may_show(client.session, bob)


@pytest.mark.usefixtures("store")
def test_a_session_of_the_old_password_shows_nobody(client, bob):
    give_password(client, bob)
    held = client.session
    bob.set_password("another one")
    bob.save()
    assert not session_may_show(held, bob)


def test_a_deactivated_user_is_not_shown_though_the_caller_has_read_them_before(client, bob):
    give_password(client, bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert not session_may_show(client.session, bob)


def test_a_session_that_was_logged_out_is_not_shown_to_who_still_holds_it(client, bob):
    give_password(client, bob)
    held = client.session
    client.post("/accounts/logout/")
    assert not session_may_show(held, bob)


def test_a_trusted_browsers_session_is_shown_for_as_long_as_the_trust_holds(client, alice, phone, settings):
    """The trust stands in a row, and needs no request."""
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
    give_password(client, alice)
    give_answer(client, code_of(phone), trust="on")
    client.post("/accounts/logout/")
    give_password(client, alice)
    assert is_logged_in(client)
    assert session_may_show(client.session, alice)
    Browser.objects.all().delete()
    assert not session_may_show(client.session, alice)


def exempt_all(_adapter, _request, _user):
    return True


def test_no_session_is_exempt_without_a_request(client, alice, monkeypatch):
    monkeypatch.setattr("allauth_2fa.adapter.OTPAdapter.is_two_factor_exempt", exempt_all)
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    assert client.get("/who/").json()["user"] == "alice"
    assert not session_may_show(client.session, alice)


@pytest.mark.usefixtures("store")
def test_asking_leaves_the_session_as_it_is(client, alice, phone, settings):
    """Django would give it a new key, which no browser would have, after the secret key of the site was changed."""
    log_in(client, alice, phone)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "the next one"
    held = client.session
    before = dict(held.items())
    assert session_may_show(held, alice)
    assert held.session_key == client.session.session_key
    assert dict(client.session.items()) == before
    assert client.get("/who/").json()["user"] == "alice"


def test_the_caller_is_left_their_user_as_they_were(client, alice, phone):
    """allauth hands its own on to the view, which is not to take them for verified by this look."""
    log_in(client, alice, phone)
    assert guard.may_show(client.session, alice)
    assert not hasattr(alice, "otp_device")


def test_what_was_asked_a_short_while_ago_is_believed_as_long_as_on_pages(client, bob, settings):
    settings.ALLAUTH_2FA_GUARD_RECHECK = 300
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        give_password(client, bob)
        TOTPDevice.objects.create(user=bob)
        assert session_may_show(client.session, bob)
        clock.shift(301)
        assert not session_may_show(client.session, bob)


def test_a_verified_session_costs_three_queries(client, alice, phone, django_assert_num_queries):
    """That for the session, the user and the device."""
    log_in(client, alice, phone)
    session = client.session
    with django_assert_num_queries(3):
        assert session_may_show(session, alice)


def test_a_session_without_a_factor_costs_four_queries(client, bob, django_assert_num_queries):
    """That for the session, the user, the moment before which sessions are over, and the devices."""
    give_password(client, bob)
    User.objects.filter(pk=bob.pk).update(last_login=timezone.now())
    session = client.session
    with django_assert_num_queries(4):
        assert session_may_show(session, bob)
