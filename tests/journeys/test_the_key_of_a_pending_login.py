"""What marks a session as pending goes with the pending login, also in a browser that has lost the marker cookie.

Programs of 0.x's time read ``allauth_2fa_user_id``: left behind, it tells them that a second factor is pending where none is.
"""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.cookies import PENDING_COOKIE
from allauth_2fa.models.exemptions import Exemption
from tests.cast import PASSWORD, code_of, drop, give_answer, is_logged_in, is_pending

pytestmark = pytest.mark.django_db

CHALLENGE = reverse("two-factor-authenticate")
LOGIN_VIEW = "/logins/home-made/"
ENROLL = reverse("two-factor-enroll")
VERIFY = reverse("account_email_verification_sent")
SCRIPT = {"Sec-Fetch-Dest": "empty"}
MARK = "allauth_2fa_user_id"


@pytest.fixture
def wait(client, alice, settings):
    """Let Alice give her password, and let her browser lose the marker cookie."""

    def begin(required=""):
        settings.ALLAUTH_2FA_REQUIRED = required or None
        client.post(LOGIN_VIEW, {"username": alice.username, "password": PASSWORD}, headers=SCRIPT)
        assert is_pending(client)
        del client.cookies[PENDING_COOKIE]

    return begin


@pytest.fixture
def verification(settings):
    """Let every login wait for its e-mail address, too, after our stages."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def exempt(user):
    Exemption.objects.create(user=user, reason="robot", expires_at=timezone.now() + dt.timedelta(days=1))


def test_a_login_that_ends_at_the_challenge_leaves_no_mark(client, phone, wait):
    wait()
    drop(TOTPDevice.objects.all())
    assert client.get(CHALLENGE)["Location"].startswith(reverse("account_login"))
    assert MARK not in client.session


def test_a_login_that_ends_before_its_first_device_leaves_no_mark(client, alice, wait):
    wait("everyone")
    alice.set_password(f"another {PASSWORD}")
    alice.save()
    assert client.get(ENROLL)["Location"].startswith(reverse("account_login"))
    assert MARK not in client.session


def test_a_login_that_needs_no_first_device_any_more_leaves_no_mark(client, alice, wait):
    wait("everyone")
    exempt(alice)
    assert client.get(ENROLL).status_code == 302
    assert is_logged_in(client)
    assert MARK not in client.session


@pytest.mark.usefixtures("verification")
def test_a_login_that_needs_none_any_more_and_waits_elsewhere_has_no_mark(client, alice, wait):
    wait("everyone")
    exempt(alice)
    assert client.get(ENROLL)["Location"] == VERIFY
    assert not is_logged_in(client)
    assert MARK not in client.session


@pytest.mark.usefixtures("verification")
def test_a_login_that_has_set_up_its_first_device_and_waits_elsewhere_has_no_mark(client, wait):
    wait("everyone")
    setup = reverse("two-factor-setup")
    client.get(setup)
    response = client.post(setup, {"otp_token": code_of(TOTPDevice.objects.get(confirmed=False))})
    assert response["Location"] == VERIFY
    assert MARK not in client.session


@pytest.mark.usefixtures("verification")
def test_a_login_that_has_answered_the_challenge_and_waits_elsewhere_has_no_mark(client, phone, wait):
    wait()
    assert give_answer(client, code_of(phone))["Location"] == VERIFY
    assert MARK not in client.session
