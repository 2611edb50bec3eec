"""Attack: with a session of somebody who has a second factor, pass what allauth's reauthentication guards without it.

allauth lets every user pass who has no way to reauthenticate that it knows, and it does not know our devices.
"""

from __future__ import annotations

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from tests.attacks.urls import DONE
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in, wrong_code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

SENSITIVE = "/sensitive/"
REAUTHENTICATE = "two-factor-reauthenticate"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.fixture(autouse=True)
def _nothing_done():
    DONE.clear()


@pytest.fixture
def clock():
    with time_machine.travel(1_750_000_005, tick=False) as traveller:
        yield traveller


def lose_password(user):
    """Let the user be one of those who log in by another site."""
    user.set_unusable_password()
    user.save()


@pytest.fixture(params=["with a password", "without a password"])
def inside(request, client, alice, phone, clock):
    """Alice's browser, logged in by password and code a minute ago."""
    log_in(client, alice, phone)
    if request.param == "without a password":
        lose_password(alice)
        session = client.session
        session["_auth_user_hash"] = alice.get_session_auth_hash()
        session.save()
    clock.shift(60)
    assert is_logged_in(client)
    return client


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_done_by_the_session_alone(inside, method):
    response = inside.generic(method, SENSITIVE)
    assert DONE == []
    assert response["Location"] == f"{reverse(REAUTHENTICATE)}?next=%2Fsensitive%2F"


def test_a_code_opens_it_for_as_long_as_allauth_says(inside, phone, clock, settings):
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 120
    inside.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone)})
    for seconds, done in ((0, 1), (119, 2), (1, 2)):
        clock.shift(seconds)
        inside.get(SENSITIVE)
        assert len(DONE) == done


def test_a_wrong_code_opens_nothing(inside, phone):
    inside.post(reverse(REAUTHENTICATE), {"otp_token": wrong_code_of(phone)})
    inside.get(SENSITIVE)
    assert DONE == []


def test_the_code_of_the_login_opens_nothing_again(inside, phone):
    inside.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone, -2)})
    inside.get(SENSITIVE)
    assert DONE == []


def test_the_password_opens_nothing(inside):
    response = inside.post(reverse("account_reauthenticate") + "?next=/sensitive/", {"password": PASSWORD})
    assert response["Location"] == f"{reverse(REAUTHENTICATE)}?next=%2Fsensitive%2F"
    inside.get(SENSITIVE)
    assert DONE == []


def test_a_password_that_was_confirmed_before_the_factor_came_opens_nothing(client, bob):
    give_password(client, bob)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.get(SENSITIVE)
    assert DONE == ["GET"]
    client.get(reverse("two-factor-setup"))
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(TOTPDevice.objects.get())})
    client.get(SENSITIVE)
    assert DONE == ["GET"]


def test_an_authentication_from_the_future_opens_nothing(inside, phone, clock):
    inside.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone)})
    clock.shift(-61)
    inside.get(SENSITIVE)
    assert DONE == []


def test_the_answer_of_another_user_opens_nothing(inside, alice, bob, phone):
    """The records name their user; whatever puts somebody else's into a session, they are not believed."""
    inside.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone)})
    session = inside.session
    session["account_authentication_methods_user"] = str(bob.pk)
    session.save()
    inside.get(SENSITIVE)
    assert DONE == []


def test_the_answer_of_another_browser_opens_nothing(inside, phone, alice, clock):
    other = Client()
    alice.set_password(PASSWORD)
    alice.save()
    log_in(other, alice, phone)
    clock.shift(60)
    other.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone)})
    inside.get(SENSITIVE)
    assert DONE == []


def test_the_answer_of_a_former_user_of_this_browser_opens_nothing(client, alice, bob, phone, clock):
    tablet = TOTPDevice.objects.create(user=bob)
    log_in(client, alice, phone)
    clock.shift(60)
    client.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone)})
    client.post("/logins/custom/", {"username": "bob", "password": PASSWORD})
    give_answer(client, code_of(tablet))
    assert client.get("/who/").json()["user"] == "bob"
    client.get(SENSITIVE)
    assert DONE == []


def test_a_setting_that_names_no_factor_opens_nothing(inside, settings):
    settings.ALLAUTH_2FA_FACTORS = ["recovery_codes"]
    inside.raise_request_exception = False
    assert inside.get(SENSITIVE).status_code == 500
    assert DONE == []
    with pytest.raises(ImproperlyConfigured):
        registry.factors()


def test_an_exempt_session_does_not_pass_for_its_user(client, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.ExemptAdapter"
    client.force_login(alice)
    client.get(SENSITIVE)
    assert client.get("/who/").json()["user"] == "alice"
    assert DONE == []


# allauth's own pages


@pytest.fixture
def _asking(settings):
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = True


@pytest.mark.usefixtures("_asking")
def test_an_address_is_added_only_after_the_code(inside, phone):
    fields = {"action_add": "", "email": "mallory@example.com"}
    response = inside.post(reverse("account_email"), fields)
    assert not EmailAddress.objects.filter(email="mallory@example.com").exists()
    inside.post(reverse("account_reauthenticate") + "?next=" + reverse("account_email"), {"password": PASSWORD})
    assert not EmailAddress.objects.filter(email="mallory@example.com").exists()
    inside.post(response["Location"], {"otp_token": code_of(phone)})
    assert EmailAddress.objects.filter(email="mallory@example.com").exists()


@pytest.mark.usefixtures("_asking")
def test_an_account_elsewhere_is_connected_only_after_the_code(inside, phone, alice):
    response = inside.post("/accounts/dummy/login/?process=connect")
    response = inside.post(response["Location"], {"id": 7, "email": "mallory@example.com"})
    assert response["Location"] == reverse("account_reauthenticate")
    inside.post(response["Location"], {"password": PASSWORD})
    assert not alice.socialaccount_set.exists()
    response = inside.get(response["Location"])
    assert response["Location"] == reverse(REAUTHENTICATE)
    inside.post(response["Location"], {"otp_token": code_of(phone)})
    assert alice.socialaccount_set.get().uid == "7"


# Who has no factor is none of our business


def test_recovery_codes_alone_are_no_factor(client, alice, clock):
    registry.recovery.renew(alice, 3)
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    give_password(client, alice)
    assert client.get(SENSITIVE)["Location"].startswith(reverse("account_reauthenticate"))
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.get(SENSITIVE)
    assert DONE == ["GET"]


def test_a_user_who_has_nothing_to_confirm_by_passes_as_allauth_has_it(client, bob):
    lose_password(bob)
    client.force_login(bob)
    client.get(SENSITIVE)
    assert DONE == ["GET"]
    assert client.get(reverse(REAUTHENTICATE)).status_code == 403


def test_a_device_that_waits_to_be_confirmed_is_no_factor(client, bob):
    TOTPDevice.objects.create(user=bob, confirmed=False)
    give_password(client, bob)
    assert client.get(SENSITIVE)["Location"].startswith(reverse("account_reauthenticate"))
