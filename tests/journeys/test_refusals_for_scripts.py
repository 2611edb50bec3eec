"""What a script reads that was refused: the whole of the answer, which its maker writes code by."""

from __future__ import annotations

import pytest
from django.urls import reverse

from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, give_password

pytestmark = pytest.mark.django_db

SCRIPT = {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}
FLOWS = {
    "login": {"id": "login", "is_pending": False},
    "factor": {"id": "two_factor_setup", "is_pending": False},
    "proof": {"id": "two_factor_reauthenticate", "is_pending": True},
}


@pytest.mark.urls("tests.sessions.urls")
@pytest.mark.parametrize(("who", "missing"), [("nobody", "login"), ("bob", "factor"), ("alice", "proof")])
def test_step_up_names_the_flow_that_goes_on(client, alice, phone, bob, who, missing):
    if who == "bob":
        give_password(client, bob)
    if who == "alice":
        login_verified(client, alice, phone)
        session = client.session
        session["account_authentication_methods"][-1]["at"] -= 61
        session.save()
    response = client.get("/pay/", headers=SCRIPT)
    assert response.status_code == 403
    assert response.json() == {"status": 403, "data": {"flows": [FLOWS[missing]]}, "meta": {"missing": missing}}


def test_a_login_elsewhere_that_waits_for_the_second_factor_names_the_challenge(client, alice, phone):
    response = client.post("/logins/home-made/", {"username": alice.username, "password": PASSWORD}, headers=SCRIPT)
    assert response.status_code == 403
    assert response.json() == {
        "status": 403,
        "detail": "Complete two-factor authentication first.",
        "data": {"flows": [{"id": "mfa_authenticate", "is_pending": True, "url": reverse("two-factor-authenticate")}]},
        "meta": {"is_authenticated": False},
    }


def test_a_login_elsewhere_that_waits_for_a_first_device_names_the_setup(client, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    response = client.post("/logins/home-made/", {"username": alice.username, "password": PASSWORD}, headers=SCRIPT)
    assert response.status_code == 403
    assert response.json() == {
        "status": 403,
        "detail": "This site requires two-factor authentication. Set it up first.",
        "data": {"flows": [{"id": "two_factor_enrollment", "is_pending": True, "url": reverse("two-factor-enroll"), "types": ["totp"]}]},
        "meta": {"is_authenticated": False},
    }


def test_a_session_that_lacks_what_is_required_names_the_page_that_adds_it(client, alice, settings):
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    response = client.get("/private/", headers=SCRIPT)
    assert response.status_code == 403
    assert response.json() == {
        "status": 403,
        "detail": "This site requires two-factor authentication. Set it up first.",
        "data": {"flows": [{"id": "two_factor_enrollment", "is_pending": True, "url": reverse("two-factor-setup"), "types": ["totp"]}]},
        "meta": {"is_authenticated": True},
    }
