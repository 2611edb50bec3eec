"""Attack: come in by one of allauth's other ways than the password."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager

import pytest
from allauth.account import signals as account_signals
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import signals as auth_signals
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending, wrong_code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

CHALLENGE = "two-factor-authenticate"


@contextmanager
def heard():
    """Collect which login signals are sent."""
    names = []

    def django(**_facts):
        names.append("django")

    def allauth(**_facts):
        names.append("allauth")

    auth_signals.user_logged_in.connect(django)
    account_signals.user_logged_in.connect(allauth)
    yield names
    auth_signals.user_logged_in.disconnect(django)
    account_signals.user_logged_in.disconnect(allauth)


def mailed(pattern):
    """Return what the last mail holds of that shape."""
    return re.search(pattern, mail.outbox[-1].body).group(0)


def by_password(client, user):
    return give_password(client, user)


def by_code(client, user):
    client.post(reverse("account_request_login_code"), {"email": user.email})
    return client.post(reverse("account_confirm_login_code"), {"code": mailed(r"(?m)^[A-Z0-9]{3,4}-?[A-Z0-9]{3,4}$")})


def by_reset(client, user):
    client.post(reverse("account_reset_password"), {"email": user.email})
    response = client.get(re.search(r"/accounts/password/reset/key/\S+", mail.outbox[-1].body).group(0))
    fields = {"password1": "another battery staple", "password2": "another battery staple"}
    return client.post(response["Location"], fields)


def by_confirmation(client, user):
    EmailAddress.objects.filter(user=user).update(verified=False)
    give_password(client, user)
    path = re.search(r"/accounts/confirm-email/\S+", mail.outbox[-1].body).group(0)
    return client.post(path)


def by_social_account(client, user):
    SocialAccount.objects.get_or_create(user=user, provider="dummy", uid=str(user.pk))
    response = client.post("/accounts/dummy/login/")
    state = response["Location"].partition("?")[2]
    data = json.dumps({"id": str(user.pk), "email": user.email, "email_verified": True})
    return client.post("/accounts/dummy/authenticate/?" + state, {"id": user.pk, "email": user.email, "email_verified": "on", "data": data})


WAYS = {
    by_password: {},
    by_code: {"ACCOUNT_LOGIN_BY_CODE_ENABLED": True},
    by_reset: {"ACCOUNT_LOGIN_ON_PASSWORD_RESET": True},
    by_confirmation: {"ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION": True, "ACCOUNT_EMAIL_VERIFICATION": "mandatory"},
    by_social_account: {},
}


@pytest.fixture
def address(alice):
    """Alice's verified address."""
    return EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request, settings, address):
    for name, value in WAYS[request.param].items():
        setattr(settings, name, value)
    return request.param


def test_each_way_asks_exactly_once_and_tells_of_the_login_once_and_afterwards(client, alice, phone, way):
    with heard() as names:
        response = way(client, alice)
        assert response["Location"].startswith(reverse(CHALLENGE)), response["Location"]
        assert not is_logged_in(client)
        assert is_pending(client)
        assert who(client) == NOBODY
        assert names == []
        response = give_answer(client, code_of(phone))
        assert sorted(names) == ["allauth", "django"]
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.session["otp_device_id"] == phone.persistent_id
    assert who(client)["user"] == "alice"
    assert client.get("/who/").status_code == 200


def test_each_way_logs_a_user_without_a_factor_in_and_tells_of_it_once(client, alice, way):
    with heard() as names:
        way(client, alice)
    assert is_logged_in(client)
    assert sorted(names) == ["allauth", "django"]


def test_a_required_code_by_mail_comes_first_and_does_not_stand_in_for_the_factor(client, alice, phone, address, settings):
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    settings.ACCOUNT_LOGIN_BY_CODE_REQUIRED = True
    with heard() as names:
        response = give_password(client, alice)
        assert response["Location"] == reverse("account_confirm_login_code")
        give_answer(client, code_of(phone))
        assert not is_logged_in(client)
        response = client.post(response["Location"], {"code": mailed(r"(?m)^[A-Z0-9]{3,4}-?[A-Z0-9]{3,4}$")})
        assert response["Location"].startswith(reverse(CHALLENGE))
        assert not is_logged_in(client)
        give_answer(client, code_of(phone))
        assert sorted(names) == ["allauth", "django"]
    assert is_logged_in(client)


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Dest": "empty"}])
def test_a_required_code_by_mail_applies_at_a_foreign_login_view_too(client, alice, phone, address, settings, headers):
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    settings.ACCOUNT_LOGIN_BY_CODE_REQUIRED = True
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD}, headers=headers)
    assert not is_logged_in(client)
    give_answer(client, code_of(phone))
    assert not is_logged_in(client)
    client.post(reverse("account_confirm_login_code"), {"code": mailed(r"(?m)^[A-Z0-9]{3,4}-?[A-Z0-9]{3,4}$")})
    if not is_logged_in(client):
        give_answer(client, code_of(phone))
    assert is_logged_in(client)
    assert client.session["otp_device_id"] == phone.persistent_id


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Dest": "empty"}])
def test_a_pending_verification_applies_at_a_foreign_login_view_too(client, alice, phone, address, settings, headers):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    EmailAddress.objects.update(verified=False)
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD}, headers=headers)
    give_answer(client, code_of(phone))
    assert not is_logged_in(client)
    assert who(client) == NOBODY
    assert mail.outbox


def test_a_new_password_after_the_reset_ends_a_login_that_was_pending_elsewhere(client, alice, phone, address):
    give_password(client, alice)
    by_reset(Client(), alice)
    give_answer(client, code_of(phone))
    assert not is_logged_in(client)
    assert phone.__class__.objects.filter(confirmed=True).count() == 1


def test_signing_up_logs_in_once_and_asks_nothing_of_somebody_new(client, settings):
    with heard() as names:
        fields = {"username": "carol", "email": "carol@example.com", "password1": PASSWORD, "password2": PASSWORD}
        client.post(reverse("account_signup"), fields)
    assert is_logged_in(client)
    assert sorted(names) == ["allauth", "django"]


def test_signing_up_in_a_browser_with_a_pending_login_does_not_finish_that_one(client, alice, phone):
    give_password(client, alice)
    fields = {"username": "carol", "email": "carol@example.com", "password1": PASSWORD, "password2": PASSWORD}
    client.post(reverse("account_signup"), fields, headers={"Sec-Fetch-Dest": "empty"})
    assert client.session.get("_auth_user_id") != str(alice.pk)


def test_an_address_that_nobody_has_leads_nowhere(client, alice, phone, address, settings):
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    client.post(reverse("account_request_login_code"), {"email": "nobody@example.com"})
    for _try in range(5):
        client.post(reverse("account_confirm_login_code"), {"code": "AAAAAA"})
        give_answer(client, code_of(phone))
    assert not is_logged_in(client)


def test_atomic_requests_change_nothing(client, alice, phone, settings, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)  # noqa: FBT003 - a setting
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD})
    assert not is_logged_in(client)
    give_answer(client, wrong_code_of(phone))
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 1
    type(phone).objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
