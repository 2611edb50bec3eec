"""BaseRequire2FAMiddleware, as projects of 0.x subclass it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models.exemptions import Exemption, FirstMet
from tests.cast import code_of, give_password, log_in

if TYPE_CHECKING:
    from allauth_2fa.middleware import BaseRequire2FAMiddleware

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]

SETUP = "/accounts/two-factor/setup/"


@pytest.fixture
def require(settings):
    """Install one of the shop's middlewares after all others, as 0.x documents it."""

    def install(name: str) -> type[BaseRequire2FAMiddleware]:
        path = f"tests.upgrade.project.middleware.{name}"
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, path]
        return import_string(path)

    return install


def messages_of(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_user_without_a_device_is_led_to_the_setup(client, staff, require):
    require("RequireStaff")
    give_password(client, staff)
    assert client.get("/shop/till/")["Location"] == SETUP
    assert client.get("/")["Location"] == SETUP


def test_a_user_without_the_requirement_goes_where_they_want(client, bob, require):
    require("RequireStaff")
    give_password(client, bob)
    assert client.get("/shop/till/").text == "/shop/till/ bob"


def test_a_visitor_goes_where_they_want(client, require):
    require("RequireEverybody")
    assert client.get("/shop/till/").status_code == 200


def test_a_user_with_a_device_goes_where_they_want(client, alice, phone, require):
    require("RequireEverybody")
    log_in(client, alice, phone)
    assert client.get("/shop/till/").text == "/shop/till/ alice"


@pytest.mark.usefixtures("unfinished")
def test_an_unconfirmed_device_does_not_count(client, alice, require):
    require("RequireEverybody")
    give_password(client, alice)
    assert client.get("/shop/till/")["Location"] == SETUP


@pytest.mark.parametrize("name", ["account_change_password", "account_logout", "account_reset_password", "two-factor-setup"])
def test_the_pages_that_0x_kept_open_are_open(client, staff, require, name):
    require("RequireStaff")
    give_password(client, staff)
    assert client.get(reverse(name)).status_code == 200


def test_pages_that_the_project_allows_are_open(client, bob, require):
    require("RequireEverybody")
    give_password(client, bob)
    assert client.get("/").status_code == 200
    assert client.get("/shop/help/").status_code == 200


def test_a_name_counts_with_its_namespace(client, bob, require):
    require("RequireEverybody")
    give_password(client, bob)
    assert client.get("/shop/help/").status_code == 200
    assert client.get("/help/")["Location"] == SETUP


def test_the_setup_can_be_gone_through(client, staff, require):
    require("RequireStaff")
    give_password(client, staff)
    client.get(SETUP)
    response = client.post(SETUP, {"otp_token": code_of(TOTPDevice.objects.get())})
    assert client.get(response["Location"]).status_code == 200
    assert client.get("/shop/till/").status_code == 200


def test_a_message_says_why(client, staff, require):
    require("RequireStaff")
    give_password(client, staff)
    messages = messages_of(client.get("/shop/till/"))
    assert messages[-1] == "You need to set up two-factor authentication before you can continue."


def test_the_message_is_said_once_however_often_one_tries(client, bob, require):
    middleware = require("RequireEverybody")
    give_password(client, bob)
    for path in ("/shop/till/", "/help/", "/shop/till/"):
        response = client.get(path)
    assert messages_of(response).count(middleware.require_2fa_message) == 1
    assert client.get(SETUP).text.count(middleware.require_2fa_message) == 1
    assert middleware.require_2fa_message not in client.get(SETUP).text


def test_messages_of_others_are_kept(client, bob, require):
    require("RequireEverybody")
    give_password(client, bob)
    text = client.get(client.get("/shop/till/")["Location"]).text
    assert "Successfully signed in as bob." in text
    assert "The shop wants a second factor." in text


def test_a_subclass_has_to_say_which_users_it_means(client, bob, require):
    require("RequireNothing")
    give_password(client, bob)
    with pytest.raises(NotImplementedError):
        client.get("/shop/till/")


def test_an_exemption_and_a_grace_period_spare_the_users_of_a_subclass_too(client, staff, bob, require, settings):
    require("RequireEverybody")
    give_password(client, bob)
    assert client.get("/shop/till/")["Location"] == SETUP
    settings.ALLAUTH_2FA_GRACE_PERIOD = 7
    assert client.get("/shop/till/").status_code == 200
    FirstMet.objects.update(since=timezone.now() - dt.timedelta(days=7))
    assert client.get("/shop/till/")["Location"] == SETUP
    Exemption.objects.create(user=bob, reason="robot", expires_at=timezone.now() + dt.timedelta(days=1))
    assert client.get("/shop/till/").status_code == 200


def test_an_unknown_path_is_not_found(client, bob, require):
    require("RequireEverybody")
    give_password(client, bob)
    assert client.get("/nowhere/").status_code == 404


def test_the_hooks_can_be_overridden(client, bob, require, monkeypatch):
    middleware = require("RequireEverybody")
    give_password(client, bob)
    monkeypatch.setattr(middleware, "is_allowed_page", lambda _self, request: request.path == "/help/")
    assert client.get("/help/").status_code == 200
    assert client.get("/shop/till/")["Location"] == SETUP
    monkeypatch.setattr(middleware, "on_require_2fa", lambda _self, _request: HttpResponse(status=418))
    assert client.get("/shop/till/").status_code == 418
