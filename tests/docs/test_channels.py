"""The consumer of the pages, served by Channels itself: a websocket shows the user that the session may show, and no longer than that."""

from __future__ import annotations

import importlib

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.sessions import ending
from tests.cast import give_password, log_in

# Channels closes connections that are in a transaction, as those of other tests are.
pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = 4403


@pytest.fixture
def visit(client, shop, settings):
    """Open the websocket with the browser's cookie, do something in between, and return what each step brought."""
    settings.ALLAUTH_2FA_GUARD_RECHECK = 0
    consumer = importlib.import_module("shop.consumers").Orders
    application = AuthMiddlewareStack(URLRouter([path("ws/orders/", consumer.as_asgi())]))

    def run(happens=lambda: None):
        return connect(f"sessionid={client.session.session_key}".encode(), happens)

    @async_to_sync
    async def connect(cookie, happens):
        scope = {"type": "websocket", "path": "/ws/orders/", "headers": [(b"cookie", cookie)]}
        socket = ApplicationCommunicator(application, scope)
        await socket.send_input({"type": "websocket.connect"})
        if (await socket.receive_output())["type"] != "websocket.accept":
            return False, None
        await sync_to_async(happens)()
        await socket.send_input({"type": "websocket.receive", "text": "{}"})
        told = await socket.receive_output()
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait()
        return True, told.get("text") or told["code"]

    return run


def test_a_verified_session_is_served(client, alice, phone, visit):
    log_in(client, alice, phone)
    assert visit() == (True, '{"orders of": "alice"}')


def test_a_visitor_and_a_login_that_waits_are_refused(client, alice, phone, visit):
    assert visit() == (False, None)
    give_password(client, alice)
    assert visit() == (False, None)


def test_a_session_that_needs_the_factor_is_refused_though_no_page_has_looked_at_it(client, alice, visit):
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    assert visit() == (False, None)


def test_a_session_that_lacks_what_is_required_is_refused(client, alice, visit, settings):
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "everybody"
    assert visit() == (False, None)


def end(user, _settings):
    ending.end_all(user)


def enroll_elsewhere(user, _settings):
    TOTPDevice.objects.create(user=user)


def require(_user, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everybody"


@pytest.mark.parametrize("happens", [end, enroll_elsewhere, require])
def test_a_connection_that_is_open_is_closed_when_its_session_may_go_on_no_longer(client, alice, visit, settings, happens):
    give_password(client, alice)
    assert visit(lambda: happens(alice, settings)) == (True, REFUSED)


def test_a_connection_that_is_open_is_closed_after_the_logout(client, alice, visit):
    give_password(client, alice)
    assert visit(lambda: client.post("/accounts/logout/")) == (True, REFUSED)
