"""Attack: with a stolen session and the password, take away the factor that ``allauth.mfa`` knows, and set up one of one's own."""

from __future__ import annotations

from functools import partial

import pytest
import time_machine
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.beside.test_mfa_beside_us import activate, give_mfa_answer, mfa_code
from tests.attacks.test_other_login_views import who
from tests.attacks.urls import DONE
from tests.cast import PASSWORD, code_of, give_answer, give_password, plant

pytestmark = pytest.mark.django_db

PASSWORD_PAGE, MFA_PAGE, OURS = "account_reauthenticate", "mfa_reauthenticate", "two-factor-reauthenticate"
headless = pytest.mark.skipif(not apps.is_installed("allauth.headless"), reason="this run is one without the headless API")


@pytest.fixture(autouse=True)
def _nothing_done():
    DONE.clear()


@pytest.fixture
def clock():
    with time_machine.travel(1_750_000_005, tick=False) as traveller:
        yield traveller


@pytest.fixture(params=["nobody", "everyone"], autouse=True)
def _required(request, settings):
    settings.ALLAUTH_2FA_REQUIRED = request.param


@pytest.fixture
def authenticator(alice):
    """An app of Alice's that ``allauth.mfa`` knows, with a recovery code."""
    Authenticator.objects.create(user=alice, type=Authenticator.Type.RECOVERY_CODES, data={"migrated_codes": ["12345678"]})
    return activate(alice)


@pytest.fixture(params=["theirs", "both"])
def stolen(request, client, alice, authenticator, clock):
    """A browser in which Alice signed in by her factor ten minutes ago."""
    ours = TOTPDevice.objects.create(user=alice) if request.param == "both" else None
    give_password(client, alice)
    if ours:
        give_answer(client, code_of(ours))
    else:
        give_mfa_answer(client, mfa_code())
    assert who(client)["user"] == "alice"
    clock.shift(600)
    return client


def give_the_password(client, page=""):
    """Confirm by the password wherever it is taken."""
    for url in (reverse(PASSWORD_PAGE), reverse(MFA_PAGE), reverse(OURS)):
        client.post(f"{url}?next={page}" if page else url, {"password": PASSWORD, "code": PASSWORD, "otp_token": PASSWORD})
    if apps.is_installed("allauth.headless"):
        post(client, "/_allauth/browser/v1/auth/reauthenticate", {"password": PASSWORD})


def post(client, url, data, method="post", **headers):
    send = getattr(client, method)
    return send(url, data, content_type="application/json", headers={"Sec-Fetch-Dest": "empty", **headers})


PAGES = ["mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes"]


@pytest.mark.parametrize("page", PAGES)
def test_the_password_opens_no_page_that_changes_or_shows_the_others_factor(stolen, page):
    give_the_password(stolen, reverse(page))
    shown, done = stolen.get(reverse(page)), stolen.post(reverse(page))
    assert shown.status_code == 302
    assert shown["Location"].partition("?")[0] in {reverse(MFA_PAGE), reverse(OURS)}
    assert done.status_code in {302, 405}
    assert Authenticator.objects.count() == 2


def test_the_password_does_not_replace_it_by_a_factor_of_the_thiefs(stolen, alice):
    before = TOTPDevice.objects.count()
    give_the_password(stolen)
    stolen.post(reverse("mfa_deactivate_totp"))
    give_the_password(stolen)
    setup = stolen.get(reverse("two-factor-setup"))
    assert setup.status_code == 302
    stolen.post(reverse("two-factor-setup"), {"otp_token": "000000"})
    stolen.get(reverse("two-factor-add", args=["totp"]))
    assert Authenticator.objects.filter(type=Authenticator.Type.TOTP).exists()
    assert TOTPDevice.objects.count() == before


def test_the_password_does_nothing_that_a_site_guards_by_allauths_decorator(stolen, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    give_the_password(stolen, "/sensitive/")
    stolen.post("/sensitive/")
    assert DONE == []


def test_the_factor_opens_them(stolen):
    stolen.post(reverse(MFA_PAGE), {"code": mfa_code()})
    assert stolen.get(reverse("mfa_view_recovery_codes")).status_code == 200
    stolen.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.filter(type=Authenticator.Type.TOTP).exists()


def test_a_recovery_code_opens_them(stolen):
    stolen.post(reverse(MFA_PAGE), {"code": "12345678"})
    assert stolen.get(reverse("mfa_deactivate_totp")).status_code == 200


def test_the_factor_opens_them_for_as_long_as_allauth_says_and_no_longer(stolen, clock, settings):
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 120
    stolen.post(reverse(MFA_PAGE), {"code": mfa_code()})
    for seconds, status in ((119, 200), (1, 302)):
        clock.shift(seconds)
        assert stolen.get(reverse("mfa_generate_recovery_codes")).status_code == status
    give_the_password(stolen)
    assert stolen.get(reverse("mfa_generate_recovery_codes")).status_code == 302


def test_the_factors_own_reauthentication_leads_to_our_setup(client, alice, authenticator, clock, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    clock.shift(600)
    response = client.get(reverse("two-factor-setup"))
    assert response["Location"] == f"{reverse(MFA_PAGE)}?next={reverse('two-factor-setup').replace('/', '%2F')}"
    assert client.get(response["Location"]).status_code == 200
    assert client.post(response["Location"], {"code": mfa_code()})["Location"] == reverse("two-factor-setup")
    assert client.get(reverse("two-factor-setup")).status_code == 200
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(TOTPDevice.objects.get())})
    assert TOTPDevice.objects.get().confirmed


def test_the_password_is_offered_to_nobody_who_has_a_factor(stolen, alice):
    ids = {method["id"] for method in get_adapter().get_reauthentication_methods(alice)}
    assert ids in ({"mfa_reauthenticate"}, {"mfa_reauthenticate", "two_factor_reauthenticate"})
    page = stolen.get(reverse(PASSWORD_PAGE))
    assert page["Location"] in {reverse(MFA_PAGE), reverse(OURS)}


def test_a_user_who_has_a_security_key_there_alone_is_led_to_it_and_adds_nothing_by_the_password(client, alice, clock, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    give_password(client, alice)
    Authenticator.objects.create(user=alice, type=Authenticator.Type.WEBAUTHN, data={"name": "Key", "credential": {}})
    plant(client, alice, mfa=True)
    clock.shift(200)
    assert who(client)["user"] == "alice"
    client.post(reverse(PASSWORD_PAGE), {"password": PASSWORD})
    key_page = reverse("mfa_reauthenticate_webauthn")
    assert client.get(reverse("mfa_activate_totp"))["Location"].startswith(key_page)
    asked = client.get(reverse("two-factor-setup"))
    assert client.get(asked["Location"])["Location"] == f"{key_page}?next={reverse('two-factor-setup').replace('/', '%2F')}"
    assert not TOTPDevice.objects.exists()


def test_a_user_who_gave_the_others_factor_up_is_asked_for_the_password_again(client, alice, authenticator, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    Authenticator.objects.all().delete()
    assert client.get(reverse("mfa_activate_totp"))["Location"].startswith(reverse(PASSWORD_PAGE))
    client.post(reverse(PASSWORD_PAGE), {"password": PASSWORD})
    assert client.get(reverse("mfa_activate_totp")).status_code == 200


def test_recovery_codes_of_the_others_alone_are_no_factor(client, alice, authenticator, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    authenticator.delete()
    give_password(client, alice)
    client.post(reverse(PASSWORD_PAGE), {"password": PASSWORD})
    assert client.get(reverse("mfa_activate_totp")).status_code == 200


# By the headless API


@pytest.fixture(params=["browser", "app"])
def api(request, stolen):
    """Send as a client of the API that has the stolen session."""
    root = f"/_allauth/{request.param}/v1/"
    if request.param == "browser":
        return partial(post, stolen), root
    return partial(post, Client(), **{"X-Session-Token": stolen.session.session_key}), root


@headless
@pytest.mark.parametrize(
    ("path", "method", "data"),
    [
        ("authenticators/totp", "delete", {}),
        ("authenticators/totp", "post", {"code": "000000"}),
        ("authenticators/recovery-codes", "get", {}),
        ("authenticators/recovery-codes", "post", {}),
        ("email", "post", {"email": "mallory@example.com"}),
    ],
)
def test_the_api_takes_no_password_for_the_factor(api, settings, path, method, data):
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = True
    send, root = api
    send(root + "auth/reauthenticate", {"password": PASSWORD})
    response = send(f"{root}account/{path}", data, method=method)
    assert response.status_code in {400, 401}
    assert Authenticator.objects.count() == 2
    assert not EmailAddress.objects.filter(email="mallory@example.com").exists()


@headless
def test_the_api_names_the_factor_alone_and_takes_it(api):
    send, root = api
    remove = partial(send, root + "account/authenticators/totp", {}, method="delete")
    flows = remove().json()["data"]["flows"]
    assert [flow["id"] for flow in flows] == ["mfa_reauthenticate"]
    assert {"totp", "recovery_codes"} <= set(flows[0]["types"])
    assert send(root + "auth/2fa/reauthenticate", {"code": mfa_code()}).status_code == 200
    assert remove().status_code == 200
    assert not Authenticator.objects.filter(type=Authenticator.Type.TOTP).exists()
