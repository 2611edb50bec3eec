"""ValidTOTPDeviceRequiredMixin, as views of 0.x projects use it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from tests.cast import give_password, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


def test_an_anonymous_visitor_goes_to_the_login_and_back(client):
    response = client.get("/shop/vault/")
    assert urlsplit(response["Location"]).path == reverse("account_login")
    assert parse_qs(urlsplit(response["Location"]).query) == {"next": ["/shop/vault/"]}


def test_a_user_without_a_device_goes_to_the_setup(client, bob):
    give_password(client, bob)
    assert client.get("/shop/vault/")["Location"] == reverse("two-factor-setup")


@pytest.mark.usefixtures("unfinished")
def test_an_unconfirmed_device_does_not_count(client, alice):
    give_password(client, alice)
    assert client.get("/shop/vault/")["Location"] == reverse("two-factor-setup")


def test_a_user_with_a_device_is_served(client, alice, phone):
    log_in(client, alice, phone)
    assert client.get("/shop/vault/").text == "the vault"


def test_a_subclass_says_where_users_without_a_device_go(client, bob):
    give_password(client, bob)
    assert client.get("/shop/cellar/")["Location"] == "/shop/welcome/"
    assert client.get("/shop/attic/")["Location"] == "/stairs/"
