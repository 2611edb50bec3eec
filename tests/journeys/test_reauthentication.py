"""Reauthentication: allauth's, by our factors."""

from __future__ import annotations

import pytest
from allauth.account.adapter import get_adapter
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import compat
from allauth_2fa.factors import registry
from allauth_2fa.testing import login_verified
from tests.attacks.urls import DONE
from tests.cast import PASSWORD, code_of, give_password

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

PAGE = "/accounts/two-factor/factors/reauthenticate/"
BY_PASSWORD = "/accounts/reauthenticate/"


@pytest.fixture(autouse=True)
def _nothing_done():
    DONE.clear()


def methods(user):
    return [(str(method["description"]), method["url"]) for method in get_adapter().get_reauthentication_methods(user)]


def test_a_post_waits_for_the_code_and_is_done_once(client, alice, phone):
    login_verified(client, alice, phone)
    response = client.post("/sensitive/", {"what": "pay"})
    assert response["Location"] == f"{PAGE}?next=%2Fsensitive%2F"
    assert "Enter the 6-digit code from <strong>Work phone</strong>" in " ".join(client.get(response["Location"]).text.split())
    response = client.post(response["Location"], {"otp_token": code_of(phone)})
    assert response.text == "done"
    assert DONE == ["POST pay"]
    client.get("/sensitive/")
    assert DONE == ["POST pay", "GET"]


def test_a_recovery_code_confirms_too(client, alice, phone):
    codes = registry.recovery.renew(alice, 3)
    login_verified(client, alice, phone)
    client.post(PAGE, {"otp_token": codes[0]})
    assert client.get("/sensitive/").text == "done"


def test_the_session_key_changes_with_the_answer(client, alice, phone):
    login_verified(client, alice, phone)
    key = client.session.session_key
    client.post(PAGE, {"otp_token": code_of(phone)})
    assert client.session.session_key != key


def test_the_second_factor_is_the_one_way_that_is_named_to_who_has_one(alice, phone):
    assert methods(alice) == [("Use your authenticator app", PAGE)]


def test_others_are_named_allauths_ways(alice, bob):
    registry.recovery.renew(alice, 3)
    TOTPDevice.objects.create(user=bob, confirmed=False)
    assert methods(alice) == methods(bob) == [("Use your password", BY_PASSWORD)]
    assert methods(AnonymousUser()) == []


def test_allauths_page_for_the_password_leads_on_to_the_second_factor(client, alice, phone):
    login_verified(client, alice, phone)
    assert client.get(BY_PASSWORD + "?next=/sensitive/")["Location"] == f"{PAGE}?next=%2Fsensitive%2F"


def test_our_page_leads_on_to_the_password_who_has_no_factor(client, bob):
    give_password(client, bob)
    assert client.get(PAGE + "?next=/sensitive/")["Location"] == f"{BY_PASSWORD}?next=%2Fsensitive%2F"
    response = client.post(BY_PASSWORD + "?next=/sensitive/", {"password": PASSWORD})
    assert response["Location"] == "/sensitive/"


def test_allauth_finds_the_page_by_the_name_that_it_knows():
    assert reverse(compat.REAUTHENTICATION_PAGE) == PAGE


def test_an_adapter_without_our_mixin_leads_there_all_the_same(client, alice, phone, settings):
    login_verified(client, alice, phone)
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.StrangerAdapter"
    assert [url for _text, url in methods(alice)] == [PAGE]
    client.post("/sensitive/", {"what": "pay"})
    client.post(f"{PAGE}?next=/sensitive/", {"otp_token": code_of(phone)})
    assert DONE == ["POST pay"]


def test_a_device_without_a_name_is_asked_for_by_its_kind(client, alice):
    TOTPDevice.objects.create(user=alice, name="")
    login_verified(client, alice)
    assert "Enter the code from your authenticator app." in client.get(PAGE).text


def test_the_password_is_no_way_out_on_our_page(client, alice, phone):
    login_verified(client, alice, phone)
    assert client.get(PAGE).context["reauthentication_alternatives"] == []
