"""A site that serves the headless API alone (``HEADLESS_ONLY``), and has none of allauth's pages and none of ours."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.urls import NoReverseMatch, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, drop
from tests.headless.clients import Browser, pending

pytestmark = pytest.mark.django_db

PAGE = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}


@pytest.mark.parametrize("name", ["account_login", "two-factor-authenticate", "two-factor-overview"])
def test_there_are_no_pages(name):
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_no_check_asks_for_them():
    assert [message for message in run_checks() if message.id in {"allauth_2fa.E007", "allauth_2fa.E014"}] == []


def test_a_code_logs_in(api, alice, phone):
    assert pending(api.log_in(alice))["id"] == "mfa_authenticate"
    assert api.answer(code_of(phone)).status_code == 200
    assert api.user() == "alice"


def test_a_login_that_cannot_be_finished_is_over(api, alice, phone, settings):
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
    api.log_in(alice)
    drop(TOTPDevice.objects.filter(pk=phone.pk))
    assert api.answer("123456").status_code == 401
    browser, other = Browser(), TOTPDevice.objects.create(user=alice)
    browser.log_in(alice)
    assert pending(browser.answer(code_of(other)))["id"] == "mfa_trust"
    drop(TOTPDevice.objects.filter(pk=other.pk))
    assert browser.post("auth/2fa/trust", {"trust": False}).status_code == 401
    assert browser.user() is None


def test_a_login_that_needs_a_first_device_waits(api, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everybody"
    assert pending(api.log_in(alice))["id"] == "two_factor_enrollment"


@pytest.mark.parametrize("headers", [PAGE, {"Sec-Fetch-Dest": "empty"}])
def test_a_login_view_of_the_sites_own_is_stopped_and_the_api_goes_on(alice, phone, headers):
    browser = Browser()
    response = browser.client.post("/logins/custom/", {"username": "alice", "password": PASSWORD}, headers=headers)
    assert response.status_code == 403
    assert response.json()["data"]["flows"] == [{"id": "mfa_authenticate", "is_pending": True}]
    assert browser.user() is None
    assert browser.answer(code_of(phone)).status_code == 200
    assert browser.user() == "alice"


@pytest.mark.parametrize("headers", [PAGE, {"Sec-Fetch-Dest": "empty"}])
def test_a_session_that_lacks_what_is_required_is_told_so(client, alice, phone, settings, headers):
    settings.ALLAUTH_2FA_REQUIRED = "everybody"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"everybody": ["webauthn"]}
    login_verified(client, alice, phone)
    response = client.get("/admin/", headers=headers)
    assert response.status_code == 403
    assert response.json()["data"]["flows"] == [{"id": "two_factor_enrollment", "is_pending": True, "types": ["webauthn"]}]
