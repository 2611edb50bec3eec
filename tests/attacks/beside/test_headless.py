"""Attack: come in by allauth's headless API, as a browser's script or as an app with a token."""

from __future__ import annotations

from functools import partial

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.sessions import ending
from allauth_2fa.testing import login_verified
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in

pytestmark = pytest.mark.django_db

BROWSER, APP = "/_allauth/browser/v1/auth/", "/_allauth/app/v1/auth/"
EARLY = {"X-Look-Early": "1"}


def post(client, url, data, **headers):
    return client.post(url, data, content_type="application/json", headers={"Sec-Fetch-Dest": "empty", **headers})


def log_in_by_api(client, root, **headers):
    return post(client, root + "login", {"username": "alice", "password": PASSWORD}, **headers)


def is_inside(client, root, **headers):
    """Return whether the API takes the visitor for somebody."""
    response = client.get(root + "session", headers={"Sec-Fetch-Dest": "empty", **headers})
    return response.status_code == 200 and response.json()["meta"]["is_authenticated"]


@pytest.mark.parametrize("headers", [{}, EARLY])
def test_a_browsers_login_waits_for_the_second_factor(client, alice, phone, headers):
    response = log_in_by_api(client, BROWSER, **headers)
    assert response.status_code == 401
    assert [flow["id"] for flow in response.json()["data"]["flows"] if flow.get("is_pending")] == ["mfa_authenticate"]
    assert not is_inside(client, BROWSER, **headers)
    assert not is_logged_in(client)
    assert who(client) == NOBODY
    give_answer(client, code_of(phone))
    assert is_inside(client, BROWSER, **headers)


@pytest.mark.parametrize("accept", [{}, {"Accept": "*/*"}, {"Accept": "application/json, text/plain, */*"}, {"Accept": "text/html"}])
def test_a_client_of_the_api_does_not_cancel_its_own_login(client, alice, phone, accept):
    """Servers that render pages, and browsers without encryption, do not say that a script asks."""
    client.post(BROWSER + "login", {"username": "alice", "password": PASSWORD}, content_type="application/json")
    for url in (BROWSER + "session", "/_allauth/browser/v1/config"):
        client.get(url, headers=accept)
    give_answer(client, code_of(phone))
    assert is_inside(client, BROWSER)


@pytest.mark.parametrize("headers", [{}, EARLY])
def test_an_apps_login_waits_for_the_second_factor(client, alice, phone, headers):
    response = log_in_by_api(client, APP, **headers)
    assert response.status_code == 401
    assert "access_token" not in response.text
    token = response.json()["meta"]["session_token"]
    assert not is_inside(client, APP, **{"X-Session-Token": token, **headers})
    assert not is_logged_in(client)
    browser = Client()
    browser.cookies["sessionid"] = token
    assert who(browser) == NOBODY


@pytest.mark.parametrize("headers", [{}, EARLY])
def test_a_token_of_a_user_without_a_factor_works_also_when_somebody_looked_early(client, bob, headers):
    response = post(client, APP + "login", {"username": "bob", "password": PASSWORD}, **headers)
    assert response.status_code == 200
    token = response.json()["meta"]["session_token"]
    assert is_inside(Client(), APP, **{"X-Session-Token": token, **headers})


@pytest.mark.parametrize("headers", [{}, EARLY])
def test_the_app_api_does_not_take_the_cookie_of_a_browser_for_a_token(client, alice, phone, headers):
    log_in(client, alice, phone)
    assert not is_inside(client, APP, **headers)
    response = post(client, "/_allauth/app/v1/account/email", {"email": "mallory@example.com"}, **headers)
    assert response.status_code in {401, 409, 410}
    assert not EmailAddress.objects.filter(email="mallory@example.com").exists()


@pytest.mark.parametrize("headers", [{}, EARLY])
def test_a_token_and_a_cookie_of_two_users_are_not_mixed(client, alice, bob, phone, headers):
    token = post(Client(), APP + "login", {"username": "bob", "password": PASSWORD}).json()["meta"]["session_token"]
    log_in(client, alice, phone)
    response = client.get(APP + "session", headers={"X-Session-Token": token, **headers})
    assert response.json()["data"]["user"]["username"] == "bob"


def test_an_apps_session_that_came_to_need_the_factor_is_stopped(client, alice):
    token = log_in_by_api(client, APP).json()["meta"]["session_token"]
    TOTPDevice.objects.create(user=alice)
    session = SessionStore(token)
    session["allauth_2fa"]["checked_at"] = 0
    session.save()
    assert not is_inside(Client(), APP, **{"X-Session-Token": token})
    assert "_auth_user_id" not in SessionStore(token)


@pytest.mark.parametrize("headers", [{}, EARLY])
def test_an_apps_session_is_ended_by_the_first_factor(client, alice, headers):
    token = log_in_by_api(client, APP).json()["meta"]["session_token"]
    assert is_inside(Client(), APP, **{"X-Session-Token": token, **headers})
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(TOTPDevice.objects.get())})
    assert not is_inside(Client(), APP, **{"X-Session-Token": token, **headers})
    assert "_auth_user_id" not in SessionStore(token)


def test_a_cookie_of_an_ended_session_does_not_end_that_of_a_token(client, alice):
    browser = Client()
    give_password(browser, alice)
    ending.end_all(alice)
    token = log_in_by_api(client, APP).json()["meta"]["session_token"]
    assert is_inside(browser, APP, **{"X-Session-Token": token, **EARLY})
    assert is_inside(Client(), APP, **{"X-Session-Token": token})
    assert not is_inside(browser, BROWSER)


def test_a_foreign_login_view_and_the_api_share_no_loophole(client, alice, phone):
    post(client, BROWSER + "login", {"username": "alice", "password": PASSWORD})
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD}, headers={"Sec-Fetch-Dest": "empty"})
    for path in ("2fa/authenticate", "2fa/trust", "reauthenticate", "2fa/reauthenticate"):
        for data in ({}, {"code": "123456"}, {"code": "", "trust": True}, {"password": PASSWORD}):
            post(client, BROWSER + path, data)
            assert not is_logged_in(client)
            assert not is_inside(client, BROWSER)


# Reauthentication. This site does not include our endpoints: nobody passes who has a device of ours.


@pytest.fixture(params=["with a password", "without a password"])
def owner(request, alice, phone, settings):
    """Alice, whose address is not changed before she has reauthenticated."""
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = True
    if request.param == "without a password":
        alice.set_unusable_password()
        alice.save()
    return alice


@pytest.fixture(params=["browser", "app"])
def api(request, client, owner, phone):
    """Post as a client of the API whose session was verified by Alice's phone."""
    login_verified(client, owner, phone)
    if request.param == "browser":
        return partial(post, client), "/_allauth/browser/v1/"
    return partial(post, Client(), **{"X-Session-Token": client.session.session_key}), "/_allauth/app/v1/"


def test_an_address_is_not_changed_without_the_factor(api, phone):
    send, root = api
    for path, data in [
        ("", {}),
        ("auth/reauthenticate", {"password": PASSWORD}),
        ("auth/reauthenticate", {}),
        ("auth/2fa/reauthenticate", {"code": code_of(phone)}),
        ("auth/2fa/authenticate", {"code": code_of(phone)}),
    ]:
        if path:
            assert send(root + path, data).status_code < 500
        response = send(root + "account/email", {"email": "mallory@example.com"})
        assert response.status_code == 401
        assert not EmailAddress.objects.filter(email="mallory@example.com").exists()


def test_a_client_is_told_that_the_factor_is_needed_and_the_password_is_not_enough(api, owner):
    registry.recovery.renew(owner, 3)
    send, root = api
    response = send(root + "account/email", {"email": "mallory@example.com"})
    flow = {"id": "mfa_reauthenticate", "types": ["totp", "recovery_codes"], "factors": ["totp", "recovery_codes"]}
    assert response.json()["data"]["flows"] == [flow]


def test_an_answer_on_the_page_counts_for_the_browsers_api(client, owner, phone):
    login_verified(client, owner, phone)
    client.post(reverse("two-factor-reauthenticate"), {"otp_token": code_of(phone)})
    response = post(client, "/_allauth/browser/v1/account/email", {"email": "alice@example.net"})
    assert response.status_code == 200
    assert EmailAddress.objects.filter(email="alice@example.net", user=owner).exists()


def test_a_user_who_has_no_factor_reauthenticates_by_the_password(client, bob, settings):
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = True
    post(client, BROWSER + "login", {"username": "bob", "password": PASSWORD})
    add = partial(post, client, "/_allauth/browser/v1/account/email", {"email": "bob@example.net"})
    assert add().json()["data"]["flows"] == [{"id": "reauthenticate"}]
    post(client, BROWSER + "reauthenticate", {"password": PASSWORD})
    assert add().status_code == 200


def test_an_app_that_logs_in_with_the_token_of_a_visitor_is_given_a_new_one_and_the_old_one_waits_for_nobody(client, alice, phone):
    planted = log_in_by_api(client, APP).json()["meta"]["session_token"]
    response = log_in_by_api(client, APP, **{"X-Session-Token": planted})
    token = response.json()["meta"]["session_token"]
    assert token != planted
    assert Client().get(APP + "session", headers={"X-Session-Token": planted}).status_code == 410
    assert client.get(APP + "session", headers={"X-Session-Token": token}).json()["data"]["flows"]
