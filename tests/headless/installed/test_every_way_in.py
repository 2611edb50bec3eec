"""allauth's other ways in, by the headless API: each waits for the second factor, and is finished by it."""

from __future__ import annotations

import json
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail

from tests.cast import PASSWORD, code_of, give_password
from tests.headless.clients import Browser, pending

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another battery staple"


def mailed(pattern):
    return re.search(pattern, mail.outbox[-1].body).group(0)


CODE = r"(?m)^[A-Z0-9]{3,4}-?[A-Z0-9]{3,4}$"


def by_password(api, user):
    return api.log_in(user)


def by_code(api, user):
    assert pending(api.post("auth/code/request", {"email": user.email}))["id"] == "login_by_code"
    return api.post("auth/code/confirm", {"code": mailed(CODE)})


def by_provider_token(api, user):
    SocialAccount.objects.get_or_create(user=user, provider="dummy", uid=str(user.pk))
    token = f'{{"id": {user.pk}, "email": "{user.email}", "email_verified": true}}'
    return api.post("auth/provider/token", {"provider": "dummy", "process": "login", "token": {"id_token": token, "client_id": "dummy"}})


def by_confirmation(api, user):
    EmailAddress.objects.filter(user=user).update(verified=False)
    assert pending(api.log_in(user))["id"] == "verify_email"
    return api.post("auth/email/verify", {"key": mailed(CODE)})


def by_reset(api, user):
    api.post("auth/password/request", {"email": user.email})
    key = mailed(r"key=\S+").removeprefix("key=")
    return api.post("auth/password/reset", {"key": key, "password": NEW_PASSWORD})


FRONTEND = {
    "account_reset_password_from_key": "https://app.example.com/reset?key={key}",
    "account_signup": "https://app.example.com/signup",
}

WAYS = {
    by_password: {},
    by_code: {},
    by_provider_token: {},
    by_confirmation: {"ACCOUNT_EMAIL_VERIFICATION": "mandatory", "ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED": True},
    by_reset: {"ACCOUNT_LOGIN_ON_PASSWORD_RESET": True, "HEADLESS_FRONTEND_URLS": FRONTEND},
}


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request, settings, alice):
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    for name, value in WAYS[request.param].items():
        setattr(settings, name, value)
    return request.param


def test_each_way_waits_for_the_second_factor_and_is_finished_by_it(api, alice, phone, way):
    flow = pending(way(api, alice))
    assert (flow["id"], flow["factors"]) == ("mfa_authenticate", ["totp"])
    assert api.user() is None
    response = api.answer(code_of(phone))
    assert response.status_code == 200
    assert [record["method"] for record in response.json()["data"]["methods"]][-1] == "mfa"
    assert api.user() == "alice"


def test_each_way_logs_a_user_without_a_factor_in(api, alice, way):
    assert way(api, alice).status_code == 200
    assert api.user() == "alice"


def test_a_reset_that_does_not_log_in_leaves_the_second_factor(api, alice, phone, settings):
    settings.HEADLESS_FRONTEND_URLS = FRONTEND
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    assert by_reset(api, alice).status_code == 401
    assert api.user() is None
    response = api.post("auth/login", {"username": "alice", "password": NEW_PASSWORD})
    assert pending(response)["factors"] == ["totp"]


def test_a_sign_up_is_logged_in_and_has_no_factor_yet(api):
    response = api.post("auth/signup", {"username": "carol", "email": "carol@example.com", "password": PASSWORD})
    assert response.status_code == 200
    assert api.user() == "carol"


def test_a_sign_up_where_a_factor_is_required_waits_for_one(api, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everybody"
    response = api.post("auth/signup", {"username": "carol", "email": "carol@example.com", "password": PASSWORD})
    assert pending(response)["id"] == "two_factor_enrollment"
    assert api.user() is None
    assert User.objects.filter(username="carol").exists()


def test_a_code_by_mail_that_is_required_comes_first(api, alice, phone, settings):
    settings.ACCOUNT_LOGIN_BY_CODE_REQUIRED = True
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    assert pending(api.log_in(alice))["id"] == "login_by_code"
    assert api.answer(code_of(phone)).status_code == 401
    assert pending(api.post("auth/code/confirm", {"code": mailed(CODE)}))["id"] == "mfa_authenticate"
    assert api.answer(code_of(phone)).status_code == 200


PAGE = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}


def test_a_page_of_the_apps_own_that_is_loaded_meanwhile_does_not_cancel_its_login(alice, phone):
    browser = Browser()
    browser.log_in(alice)
    browser.client.get("/who/", headers=PAGE)
    assert browser.answer(code_of(phone)).status_code == 200


@pytest.mark.skipif(settings.HEADLESS_ONLY, reason="this run is one without pages")
def test_a_login_of_a_page_does_not_keep_that_of_the_app_from_going_on(alice, phone):
    browser = Browser()
    give_password(browser.client, alice)
    browser.log_in(alice)
    browser.client.get("/who/", headers=PAGE)
    assert browser.answer(code_of(phone)).status_code == 200


def test_a_login_at_the_page_of_a_provider_leads_back_to_the_app_and_waits_there(alice, phone):
    SocialAccount.objects.create(user=alice, provider="dummy", uid=str(alice.pk))
    browser = Browser()
    begin = {"provider": "dummy", "callback_url": "http://testserver/who/", "process": "login"}
    at_provider = browser.client.post("/_allauth/browser/v1/auth/provider/redirect", begin)["Location"]
    data = json.dumps({"id": str(alice.pk), "email": alice.email, "email_verified": True})
    fields = {"id": alice.pk, "email": alice.email, "email_verified": "on", "data": data}
    back = browser.client.post(f"/accounts/dummy/authenticate/?{at_provider.partition('?')[2]}", fields, headers=PAGE)
    assert back["Location"] == "http://testserver/who/"
    browser.client.get(back["Location"], headers=PAGE)
    assert pending(browser.get("auth/session"))["id"] == "mfa_authenticate"
    assert browser.answer(code_of(phone)).status_code == 200
    assert browser.user() == "alice"
