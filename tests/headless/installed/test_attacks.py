"""Attack: get in by the headless API with something that is not enough."""

from __future__ import annotations

import json
import re

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import support
from allauth_2fa.devices import staff
from allauth_2fa.factors import registry
from allauth_2fa.sessions import ending
from tests.cast import code_of, give_answer, give_password, is_logged_in, log_in, wrong_code_of
from tests.headless.clients import App, Browser, errors_of, pending
from tests.passkeys.authenticator import Authenticator

pytestmark = pytest.mark.django_db


def token_of(api) -> str:
    """Return the key of the session that the client has."""
    return api.session_token if isinstance(api, App) else api.client.session.session_key


def app_with(token: str) -> App:
    app = App()
    app.session_token = token
    return app


# The token of a login that is half finished


CLOSED = [
    "account/email",
    "account/password/change",
    "account/authenticators",
    "account/providers",
    "auth/2fa/reauthenticate",
    "auth/reauthenticate",
]


@pytest.mark.parametrize("path", CLOSED)
def test_a_login_that_waits_opens_nothing(api, alice, phone, path):
    api.log_in(alice)
    for method in ("GET", "POST", "DELETE", "PATCH"):
        answer = api.client.generic(method, f"/_allauth/{api.name}/v1/{path}", "{}", content_type="application/json", headers=api.headers())
        # allauth has no account/authenticators on a site without allauth.mfa.
        assert answer.status_code in {401, 404, 405, 409}
    assert api.user() is None


def test_the_key_of_a_login_that_waits_shows_nobody_as_a_cookie_and_as_a_token(api, alice, phone):
    api.log_in(alice)
    browser = Client()
    browser.cookies["sessionid"] = token_of(api)
    assert browser.get("/who/").json()["user"] == ""
    assert app_with(token_of(api)).user() is None


def test_the_key_of_a_login_that_waits_is_worth_nothing_after_the_answer(api, alice, phone):
    api.log_in(alice)
    before = token_of(api)
    api.answer(code_of(phone))
    assert token_of(api) != before
    assert not SessionStore().exists(before)
    assert app_with(before).get("auth/session").status_code == 410


def test_an_answer_of_somebody_else_finishes_no_login(api, alice, bob, phone):
    bobs = TOTPDevice.objects.create(user=bob)
    api.log_in(alice)
    assert errors_of(api.answer(code_of(bobs))) == [("incorrect_code", "code")]
    assert errors_of(api.answer(code_of(bobs), device=bobs.persistent_id)) == [("incorrect_code", "code")]
    bobs.refresh_from_db()
    assert bobs.last_t == -1
    assert api.user() is None


def test_the_token_of_another_user_answers_for_nobody(alice, bob, phone):
    app = App()
    app.log_in(bob)
    assert app.answer(code_of(phone)).status_code == 401
    assert app.user() == "bob"


def test_a_login_of_another_user_in_the_same_session_takes_the_place_of_the_first(api, alice, bob, phone):
    bobs = TOTPDevice.objects.create(user=bob)
    api.log_in(alice)
    api.log_in(bob)
    assert api.answer(code_of(phone)).status_code == 400
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert api.answer(code_of(bobs)).status_code == 200
    assert api.user() == "bob"


# What was there before a change


def reset_the_password(user):
    browser, mails = Client(), len(mail.outbox)
    browser.post(reverse("account_reset_password"), {"email": user.email})
    (link,) = re.findall(r"http://testserver(/\S+)", mail.outbox[mails].body)
    assert browser.post(browser.get(link).url, {"password1": "another long one", "password2": "another long one"}).status_code == 302


def reset_by_support(user):
    support.reset(user, staff.console(), "lost the phone")


def end_all_sessions(user):
    ending.end_all(user)


@pytest.mark.parametrize("happens", [reset_the_password, reset_by_support])
def test_a_login_from_before_a_reset_is_not_finished(api, alice, phone, happens):
    api.log_in(alice)
    happens(alice)
    assert api.answer(code_of(phone)).status_code == 401
    assert api.user() is None


@pytest.mark.parametrize("happens", [reset_the_password, reset_by_support, end_all_sessions])
def test_a_session_from_before_a_reset_is_over(api, alice, phone, happens):
    api.log_in(alice)
    api.answer(code_of(phone))
    assert api.user() == "alice"
    happens(alice)
    assert api.user() is None
    assert api.post("auth/2fa/reauthenticate", {"code": code_of(phone)}).status_code in {401, 410}


def test_a_login_that_waited_too_long_is_over(api, alice, phone, settings):
    settings.ACCOUNT_LOGIN_TIMEOUT = 900
    api.log_in(alice)
    with time_machine.travel(1_900_000_000):
        assert api.answer(code_of(phone)).status_code in {401, 410}


def delete(user):
    User.objects.filter(pk=user.pk).delete()


def deactivate(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("happens", [delete, deactivate])
def test_a_user_who_is_gone_meanwhile_is_not_logged_in(api, alice, phone, happens):
    api.log_in(alice)
    code = code_of(phone)
    happens(alice)
    for path, answer in (("2fa/authenticate", {"code": code}), ("webauthn/authenticate", {"credential": {"id": "x"}})):
        assert api.post(f"auth/{path}", answer).status_code == 401
    assert api.user() is None


@pytest.mark.parametrize("happens", [delete, deactivate])
def test_a_user_who_is_gone_meanwhile_does_not_reauthenticate(api, alice, phone, happens):
    api.log_in(alice)
    api.answer(code_of(phone))
    happens(alice)
    assert api.post("auth/2fa/reauthenticate", {"code": code_of(phone)}).status_code in {401, 410}
    assert api.user() is None


# A page of another site, and a site that lets nobody see anything


ENDPOINTS = [
    *("auth/2fa/authenticate", "auth/2fa/reauthenticate", "auth/2fa/trust"),
    *("auth/webauthn/authenticate", "auth/webauthn/reauthenticate", "auth/webauthn/login", "auth/webauthn/signup"),
]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_page_of_another_site_posts_nothing_with_the_cookies_of_a_browser(alice, phone, path):
    """An app sends a token that no other site has, and no cookie: it needs no second proof of where it comes from."""
    browser, app = Browser(), App()
    browser.client = Client(enforce_csrf_checks=True)
    url = f"/_allauth/browser/v1/{path}"
    assert browser.client.post(url, {}, content_type="application/json").status_code == 403
    browser.get("config")
    token = browser.client.cookies["csrftoken"].value
    assert browser.client.post(url, {}, content_type="application/json", headers={"X-CSRFToken": token}).json()["status"] in {400, 401, 403}
    if path != "auth/2fa/trust":
        app.client = Client(enforce_csrf_checks=True)
        assert app.post(path, {}).status_code in {400, 401, 403}


def test_a_site_that_lets_nobody_in_without_a_login_lets_clients_log_in(api, alice, phone, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert api.get("config").status_code == 200
    api.log_in(alice)
    assert api.answer(code_of(phone)).status_code == 200
    assert api.user() == "alice"


# A session that is a cookie, and is sent again


def test_an_old_cookie_with_an_answer_that_was_given_logs_nobody_in(alice, phone, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    key = Authenticator()
    key.enroll(alice)
    browser, thief = Browser(), Browser()
    browser.log_in(alice)
    options = browser.get("auth/webauthn/authenticate").json()["data"]["request_options"]["publicKey"]
    answer, code = {"credential": json.loads(key.get(options))}, code_of(phone)
    old = browser.client.cookies["sessionid"].value
    assert browser.post("auth/webauthn/authenticate", answer).status_code == 200
    browser.ask("DELETE", "auth/session")
    browser.log_in(alice)
    assert browser.answer(code).status_code == 200
    for path, given in (("webauthn/authenticate", answer), ("2fa/authenticate", {"code": code})):
        thief.client.cookies["sessionid"] = old
        assert thief.post(f"auth/{path}", given).status_code == 400
        assert thief.user() is None


# A key of a session instead of a token


def test_the_key_of_a_browsers_login_goes_on_as_a_token_under_another_key(client, alice, phone):
    """Whoever has the key has the login, wherever it waits: the factor is asked all the same, and the old key is worth nothing after."""
    give_password(client, alice)
    key = client.session.session_key
    app = app_with(key)
    assert app.user() is None
    assert errors_of(app.answer(wrong_code_of(phone))) == [("incorrect_code", "code")]
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert app.answer(code_of(phone)).status_code == 200
    assert app.session_token != key
    assert not is_logged_in(client)


def test_a_cookie_does_not_finish_the_login_of_an_app(client, alice, phone):
    give_password(client, alice)
    app = App()
    app.client.cookies["sessionid"] = client.session.session_key
    assert app.post("auth/2fa/authenticate", {"code": code_of(phone)}).status_code == 401


def test_a_cookie_beside_the_token_of_somebody_else_does_not_count(client, alice, bob, phone):
    app = App()
    app.log_in(bob)
    log_in(client, alice, phone)
    app.client.cookies["sessionid"] = client.session.session_key
    response = app.client.get("/_allauth/app/v1/auth/session", headers=app.headers())
    assert response.json()["data"]["user"]["username"] == "bob"


# Pages and the API in one login


def test_a_password_by_the_api_and_a_code_on_the_page_are_one_login(alice, phone):
    browser = Browser()
    browser.log_in(alice)
    give_answer(browser.client, code_of(phone))
    assert browser.user() == "alice"


def test_a_password_on_the_page_and_a_code_by_the_api_are_one_login(alice, phone):
    browser = Browser()
    give_password(browser.client, alice)
    assert browser.answer(code_of(phone)).status_code == 200
    assert browser.client.get(reverse("two-factor-overview")).status_code == 200


def test_a_code_that_was_used_on_the_page_is_used_for_the_api(client, api, alice, phone):
    log_in(client, alice, phone)
    api.log_in(alice)
    assert api.answer(code_of(phone)).json()["errors"][0]["reason"] == "used"


# Guessing


@pytest.fixture
def _no_throttling(settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0


@pytest.mark.usefixtures("_no_throttling")
def test_pages_and_every_client_share_one_budget(client, alice, phone):
    wrong = wrong_code_of(phone)
    for _try in range(2):
        browser, app = Browser(), App()
        for guesser in (browser, app):
            guesser.log_in(alice)
            guesser.answer(wrong)
    give_password(client, alice)
    give_answer(client, wrong)
    app = App()
    app.log_in(alice)
    (error,) = app.answer(code_of(phone)).json()["errors"]
    assert (error["code"], error["reason"]) == ("too_many_login_attempts", "throttled")
    assert 0 < error["retry_after"] <= 300
    assert app.user() is None


@pytest.mark.usefixtures("_no_throttling")
def test_a_lock_says_for_how_long_and_opens_by_a_recovery_code(api, alice, phone, settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["3/365d"]}
    codes = registry.recovery.renew(alice, 2)
    api.log_in(alice)
    for _try in range(3):
        api.answer(wrong_code_of(phone))
    response = api.answer(code_of(phone))
    (error,) = response.json()["errors"]
    assert (error["code"], error["reason"]) == ("too_many_login_attempts", "locked")
    assert response["Retry-After"] == str(error["retry_after"])
    assert error["retry_after"] > 300 * 86400
    assert api.answer(codes[0]).status_code == 200


@pytest.mark.usefixtures("_no_throttling")
def test_a_lock_that_does_not_end_by_itself_says_so(alice, phone, settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"known": ["2/row"]}
    browser = Browser()
    browser.log_in(alice)
    browser.answer(code_of(phone))
    browser.ask("DELETE", "auth/session")
    browser.log_in(alice)
    for _try in range(2):
        browser.answer(wrong_code_of(phone))
    response = browser.answer(wrong_code_of(phone))
    (error,) = response.json()["errors"]
    assert (error["code"], error["reason"], error["retry_after"]) == ("too_many_login_attempts", "locked", None)
    assert "Retry-After" not in response


@pytest.mark.usefixtures("_no_throttling")
def test_reauthentication_costs_the_same_budget(api, alice, phone):
    api.log_in(alice)
    api.answer(code_of(phone))
    wrong = wrong_code_of(phone)
    for _try in range(5):
        assert api.post("auth/2fa/reauthenticate", {"code": wrong}).json()["errors"][0]["code"] == "incorrect_code"
    assert api.post("auth/2fa/reauthenticate", {"code": wrong}).json()["errors"][0]["code"] == "too_many_login_attempts"


def test_nobody_learns_by_the_api_whether_an_account_has_a_factor_without_its_password(api, alice, bob, phone):
    answers = [api.post("auth/login", {"username": name, "password": "wrong"}) for name in ("alice", "bob", "nobody")]
    assert {response.status_code for response in answers} == {400}
    assert len({response.text for response in answers}) == 1


def test_an_address_to_be_confirmed_does_not_get_past_the_factor(api, alice, phone, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    EmailAddress.objects.create(user=alice, email=alice.email, verified=False, primary=True)
    api.log_in(alice)
    # The code of the factor is none for the address, and the factor's endpoint takes none before its turn.
    assert api.post("auth/email/verify", {"key": code_of(phone)}).status_code == 400
    assert api.answer(code_of(phone)).status_code == 401
    assert pending(api.get("auth/session"))["id"] == "verify_email"
