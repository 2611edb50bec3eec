"""Attack: have the victim's browser post or load our pages, and find them in a cache."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryCode
from tests.cast import code_of, give_password, is_logged_in, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

MANAGE = ["two-factor-setup", "two-factor-backup-tokens", "two-factor-remove", "two-factor-reauthenticate"]


def strict(client):
    """Return a browser with the same session that checks where a form came from."""
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["sessionid"] = client.cookies["sessionid"].value
    return browser


@pytest.mark.parametrize("page", MANAGE)
def test_a_post_from_elsewhere_changes_nothing(client, alice, phone, page):
    log_in(client, alice, phone)
    TOTPDevice.objects.update(last_t=-1)
    before = (TOTPDevice.objects.values().get(), RecoveryCode.objects.count())
    response = strict(client).post(reverse(page), {"otp_token": code_of(phone), "action": "replace"})
    assert response.status_code == 403
    assert (TOTPDevice.objects.values().get(), RecoveryCode.objects.count()) == before


def test_a_post_from_elsewhere_answers_no_challenge_and_spends_no_code(client, alice, phone):
    give_password(client, alice)
    browser = strict(client)
    assert browser.post(reverse("two-factor-authenticate"), {"otp_token": code_of(phone)}).status_code == 403
    assert not is_logged_in(browser)
    phone.refresh_from_db()
    assert phone.last_t == -1


@pytest.mark.parametrize("page", [*MANAGE, "two-factor-authenticate"])
@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_loading_a_page_changes_no_device_no_code_and_no_login(client, alice, phone, page, method):
    log_in(client, alice, phone)
    client.post(reverse("two-factor-backup-tokens"))
    session = dict(client.session)
    before = (TOTPDevice.objects.values().get(), list(RecoveryCode.objects.values()))
    getattr(client, method)(reverse(page) + "?otp_token=" + code_of(phone, 1) + "&action=replace")
    assert (TOTPDevice.objects.values().get(), list(RecoveryCode.objects.values())) == before
    assert dict(client.session) == session


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("page", [*MANAGE, "two-factor-authenticate"])
def test_other_methods_change_nothing(client, alice, phone, page, method):
    log_in(client, alice, phone)
    before = (TOTPDevice.objects.values().get(), list(RecoveryCode.objects.values()))
    getattr(client, method)(reverse(page), {"otp_token": code_of(phone, 1)}, content_type="application/json")
    assert (TOTPDevice.objects.values().get(), list(RecoveryCode.objects.values())) == before


def assert_uncached(response):
    """Check that no cache keeps the response, and none mixes up its visitors."""
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    assert "Cookie" in response["Vary"]


@pytest.mark.parametrize("page", MANAGE)
def test_no_cache_stores_a_page_of_the_account_somebody_who_asks(client, alice, bob, phone, page):
    assert_uncached(client.get(reverse(page)))
    log_in(client, alice, phone)
    assert_uncached(client.get(reverse(page)))
    assert_uncached(client.post(reverse(page), {"otp_token": "1"}))
    other = Client()
    give_password(other, bob)
    assert_uncached(other.get(reverse(page)))


def test_no_cache_keeps_the_challenge_or_the_way_to_it(client, alice, phone):
    assert_uncached(client.get(reverse("two-factor-authenticate")))
    give_password(client, alice)
    assert_uncached(client.get(reverse("two-factor-authenticate")))
    assert_uncached(client.post(reverse("two-factor-authenticate"), {"otp_token": "1"}))


def test_no_cache_keeps_what_the_guard_answers(client, alice, phone):
    for headers in ({}, {"Sec-Fetch-Dest": "empty"}):
        browser = Client()
        give_password(browser, alice)
        session = browser.session
        session["_auth_user_id"] = str(alice.pk)
        session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        session["_auth_user_hash"] = alice.get_session_auth_hash()
        session.save()
        response = browser.get("/who/", headers=headers)
        assert response.status_code in {302, 403}
        assert_uncached(response)


def test_a_page_that_asks_for_nobody_stays_cacheable(client, alice, phone):
    log_in(client, alice, phone)
    del client.cookies["allauth_2fa_pending"]  # as a browser does that is told to
    response = client.get("/plain/")
    assert "Vary" not in response
    assert "Cache-Control" not in response


def test_the_marker_cookie_is_hidden_from_scripts_and_says_nothing(client, alice, phone, settings):
    settings.SESSION_COOKIE_SECURE = True
    response = give_password(client, alice)
    cookie = response.cookies["allauth_2fa_pending"]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"
    assert cookie.value == "1"
