"""Attack: get rid of the second factor by way of the first: a new password, another address, one more social account."""

from __future__ import annotations

import json
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryCode
from allauth_2fa.testing import login_verified
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

NEW = "another battery staple"


@pytest.fixture
def address(alice):
    return EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)


@pytest.fixture
def held(alice, phone, address):
    """What Alice holds: rows that no change of the first factor may touch."""
    registry.recovery.renew(alice, 3)

    def rows():
        return [
            *TOTPDevice.objects.values("pk", "user", "confirmed", "key"),
            *RecoveryCode.objects.values("pk", "digest", "used_at"),
        ]

    before = rows()
    yield
    assert rows() == before


@pytest.fixture
def verified(client, alice, phone):
    login_verified(client, alice, phone)
    return client


def link(pattern):
    return re.search(pattern, mail.outbox[-1].body).group(0)


def reset_password(client, user):
    client.post(reverse("account_reset_password"), {"email": user.email})
    response = client.get(link(r"/accounts/password/reset/key/\S+"))
    return client.post(response["Location"], {"password1": NEW, "password2": NEW})


def connect(client, uid, email, *, process):
    """Come from the social provider."""
    response = client.post(f"/accounts/dummy/login/?process={process}")
    state = response["Location"].partition("?")[2]
    data = json.dumps({"id": uid, "email": email, "email_verified": True})
    return client.post("/accounts/dummy/authenticate/?" + state, {"id": uid, "email": email, "email_verified": "on", "data": data})


def assert_asked(client):
    """Check that the login waits for the second factor."""
    assert not is_logged_in(client)
    assert is_pending(client)
    assert who(client) == NOBODY


@pytest.mark.parametrize("logs_in", [True, False])
def test_a_password_reset_removes_and_skips_nothing(client, alice, held, settings, logs_in):
    settings.ACCOUNT_LOGIN_ON_PASSWORD_RESET = logs_in
    reset_password(client, alice)
    if not logs_in:
        assert who(client) == NOBODY
        client.post(reverse("account_login"), {"login": "alice", "password": NEW})
    assert_asked(client)


@pytest.mark.parametrize("logs_in", [True, False])
def test_a_password_reset_in_a_verified_browser_leaves_no_session_unverified(verified, alice, phone, held, settings, logs_in):
    settings.ACCOUNT_LOGIN_ON_PASSWORD_RESET = logs_in
    reset_password(verified, alice)
    assert who(verified) == NOBODY or verified.session["otp_device_id"] == phone.persistent_id


def test_a_password_reset_ends_the_sessions_and_the_pending_logins_of_the_old_password(verified, alice, phone, held):
    halfway = Client()
    give_password(halfway, alice)
    reset_password(Client(), alice)
    assert who(verified) == NOBODY
    assert not is_logged_in(halfway)


def test_a_password_change_keeps_the_verified_session_and_ends_the_others(verified, alice, phone, held):
    other = Client()
    login_verified(other, alice, phone)
    fields = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert verified.post(reverse("account_change_password"), fields).status_code == 302
    assert who(verified)["user"] == "alice"
    assert verified.session["otp_device_id"] == phone.persistent_id
    assert who(other) == NOBODY
    fresh = Client()
    fresh.post(reverse("account_login"), {"login": "alice", "password": NEW})
    assert_asked(fresh)


@pytest.mark.parametrize("change", ["action_add", "action_remove", "action_primary"])
def test_a_change_of_address_removes_and_skips_nothing(verified, alice, held, change):
    second = EmailAddress.objects.create(user=alice, email="second@example.com", verified=True)
    email = {"action_add": "third@example.com", "action_remove": second.email, "action_primary": second.email}[change]
    assert verified.post(reverse("account_email"), {change: "", "email": email}).status_code == 302
    assert who(verified)["user"] == "alice"
    fresh = Client()
    give_password(fresh, alice)
    assert_asked(fresh)


def test_the_confirmation_of_a_new_address_in_another_browser_logs_nobody_in(verified, alice, held, settings):
    settings.ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
    verified.post(reverse("account_email"), {"action_add": "", "email": "third@example.com"})
    stranger = Client()
    stranger.post(link(r"/accounts/confirm-email/\S+"))
    assert not is_logged_in(stranger)
    assert who(stranger) == NOBODY


def test_a_social_account_that_is_connected_skips_nothing(verified, alice, held):
    connect(verified, "7", alice.email, process="connect")
    assert SocialAccount.objects.filter(user=alice, uid="7").exists()
    assert who(verified)["user"] == "alice"
    fresh = Client()
    connect(fresh, "7", alice.email, process="login")
    assert_asked(fresh)


def test_a_social_account_that_is_found_by_its_address_skips_nothing(client, alice, held, settings):
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
    connect(client, "7", alice.email, process="login")
    assert_asked(client)


def test_a_pending_login_connects_no_social_account(client, alice, held):
    give_password(client, alice)
    connect(client, "7", "mallory@example.com", process="connect")
    assert not SocialAccount.objects.filter(user=alice).exists()


def test_a_link_to_reset_the_password_from_before_the_first_factor_is_invalid(client, alice, address):
    thief = Client()
    thief.post(reverse("account_reset_password"), {"email": alice.email})
    path = link(r"/accounts/password/reset/key/\S+")
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get()
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    response = thief.get(path)
    assert response.status_code == 200
    assert response.context["token_fail"]
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_the_new_password_and_the_code_log_in(client, alice, phone, held, settings):
    settings.ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
    reset_password(client, alice)
    give_answer(client, code_of(phone))
    assert who(client)["user"] == "alice"
