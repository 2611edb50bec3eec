"""Attack: get past the requirement by ``allauth.mfa`` or by the headless API."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.requirement import report
from tests.attacks.beside.test_headless import APP, BROWSER, is_inside, log_in_by_api
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import code_of, give_password, is_logged_in, is_pending

pytestmark = pytest.mark.django_db

SETUP = "/accounts/two-factor/setup/"
HAS_MFA = apps.is_installed("allauth.mfa")
with_mfa = pytest.mark.skipif(not HAS_MFA, reason="this run is one without allauth.mfa")

if HAS_MFA:
    from tests.attacks.beside.test_mfa_beside_us import activate, give_mfa_answer, mfa_code


@pytest.fixture(autouse=True)
def _required(settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"


@pytest.mark.parametrize("root", [BROWSER, APP])
def test_a_login_by_the_api_waits_for_the_device_and_says_so(client, alice, root):
    response = log_in_by_api(client, root)
    assert response.status_code == 401
    assert [flow["id"] for flow in response.json()["data"]["flows"] if flow.get("is_pending")] == ["two_factor_enrollment"]
    assert "access_token" not in response.text
    assert not is_inside(client, root)
    assert who(client) == NOBODY


def test_a_login_by_a_browsers_script_sets_up_on_our_page_and_is_in(client, alice):
    log_in_by_api(client, BROWSER)
    client.get(SETUP)
    client.post(SETUP, {"otp_token": code_of(TOTPDevice.objects.get())})
    assert is_inside(client, BROWSER)


def test_a_running_session_is_nobodys_to_the_api_and_can_be_logged_out_by_it(client, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    give_password(client, alice)
    assert is_inside(client, BROWSER)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    assert not is_inside(client, BROWSER)
    assert client.get(reverse("account_logout")).status_code == 200
    client.delete(BROWSER + "session", headers={"Sec-Fetch-Dest": "empty"})
    assert not is_logged_in(client)


@with_mfa
def test_an_authenticator_of_allauth_mfa_satisfies_a_site_that_asks_for_any_factor(client, alice):
    activate(alice)
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    assert who(client)["user"] == "alice"


@with_mfa
def test_it_is_counted_as_what_it_is(alice, bob):
    activate(alice)
    counts = report.count(type(alice).objects.all())
    assert (counts["satisfied"], counts["due"]) == (1, 1)


@with_mfa
def test_it_does_not_satisfy_one_that_asks_for_ours_and_is_asked_for_all_the_same(client, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"everyone": ["totp"]}
    settings.ALLAUTH_2FA_FACTORS = ["totp", "tests.attacks.beside.test_requirement_beside.OtherFactor"]
    activate(alice)
    assert give_password(client, alice)["Location"] == reverse("mfa_authenticate")
    assert client.get(SETUP, headers={"Sec-Fetch-Dest": "empty"})["Location"].startswith(reverse("account_login"))
    response = give_mfa_answer(client, mfa_code())
    assert response["Location"] == reverse("two-factor-enroll")
    assert is_pending(client)
    add = reverse("two-factor-add", args=["totp"])
    assert client.get(response["Location"])["Location"] == add
    client.get(add)
    client.post(add, {"otp_token": code_of(TOTPDevice.objects.get())})
    assert who(client)["user"] == "alice"


@with_mfa
def test_an_authenticator_that_is_added_elsewhere_meanwhile_ends_the_login_that_waits(client, alice):
    give_password(client, alice)
    activate(alice)
    assert client.get(reverse("two-factor-enroll"))["Location"] == reverse("account_login")
    assert not is_pending(client)
    assert not is_logged_in(client)


@with_mfa
def test_the_pages_of_allauth_mfa_stay_open_to_a_running_session(client, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    assert client.get(reverse("mfa_index")).context["user"].username == "alice"
    assert client.get("/who/")["Location"].startswith(SETUP)


class OtherFactor(__import__("allauth_2fa.factors.static", fromlist=["x"]).StaticFactor):
    """A second kind of factor, so that not every one will do."""

    id = "other"
    primary = True
