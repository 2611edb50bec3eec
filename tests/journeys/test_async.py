"""Async views are served on the event loop, guarded like the others."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import alogin, get_user_model
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, override_settings
from django.urls import include, path

from allauth_2fa.middleware import AllauthTwoFactorMiddleware
from allauth_2fa.testing import confirmed_device, login_verified
from tests.cast import give_password

pytestmark = pytest.mark.django_db(transaction=True)


async def who(request):
    """Say who is there."""
    return HttpResponse(str(await request.auser()))


async def twice(request):
    """Ask twice."""
    await request.auser()
    return HttpResponse(str(await request.auser()))


async def login_view(request):
    """Log in, and say who is there then."""
    await alogin(request, await get_user_model().objects.aget(username="alice"), backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse(str(request.user))


async def plain(_request):
    """Ask for nobody."""
    return HttpResponse("plain")


class Urlconf:
    urlpatterns = [
        path("who/", who),
        path("twice/", twice),
        path("logins/", login_view),
        path("plain/", plain),
        path("two-factor/", include("allauth_2fa.urls")),
        path("accounts/", include("allauth.urls")),
    ]


@pytest.fixture(autouse=True)
def _urls():
    with override_settings(ROOT_URLCONF=Urlconf):
        yield


def browse(client, path):
    """Take the sync client's session along to an async one."""
    browser = AsyncClient()
    browser.cookies = client.cookies
    # Sync parts run in this thread, with its connection to the database; a thread of their own would leave one open.
    return async_to_sync(browser.get)(path)


def test_a_verified_session_shows_its_user(client, alice, phone):
    login_verified(client, alice, phone)
    assert browse(client, "/who/").content == b"alice"


def test_a_user_without_a_factor_is_shown(client, bob):
    give_password(client, bob)
    assert browse(client, "/who/").content == b"bob"


@pytest.mark.parametrize("view", ["/who/", "/twice/"])
def test_a_session_that_needs_the_second_factor_is_led_to_the_challenge(client, alice, settings, view):
    settings.ALLAUTH_2FA_GUARD_RECHECK = 0
    give_password(client, alice)
    assert browse(client, view).content == b"alice"
    confirmed_device(alice)
    response = browse(client, view)
    assert response["Location"].startswith("/two-factor/authenticate/?next=")
    assert "_auth_user_id" not in client.session


def test_a_login_at_an_async_login_view_becomes_a_pending_login(client, alice, phone):
    response = browse(client, "/logins/")
    assert response["Location"].startswith("/two-factor/authenticate/")


def test_a_pending_login_is_cancelled_by_an_async_page(client, alice, phone):
    give_password(client, alice)
    assert "account_login" in client.session
    assert browse(client, "/plain/").content == b"plain"
    assert "account_login" not in client.session


def test_a_page_that_asks_for_nobody_never_leaves_the_event_loop():
    """Run the middleware itself: what it wraps and what it adds run in the loop's own thread."""
    threads = []

    async def view(request):
        threads.append(threading.current_thread())
        return HttpResponse()

    middleware = AllauthTwoFactorMiddleware(view)
    assert asyncio.iscoroutinefunction(middleware.process_view)

    async def serve():
        request = AsyncRequestFactory().get("/plain/")
        request.user, request.auser = None, None
        await middleware.process_view(request, view, (), {})
        await middleware(request)
        return threading.current_thread()

    assert threads == [asyncio.run(serve())]


def test_django_takes_the_middleware_as_async(settings):
    settings.MIDDLEWARE = ["allauth_2fa.middleware.AllauthTwoFactorMiddleware"]
    handler = ASGIHandler()
    assert asyncio.iscoroutinefunction(handler._view_middleware[0])
    assert handler._view_middleware[0].__name__ == "_process_view_async"
