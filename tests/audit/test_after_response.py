"""Mails leave after the response: whichever server closes it, whatever becomes of it, and whether the visitor stays or not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sqlite3
import threading
from http import HTTPStatus
from io import BytesIO
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections, connections
from django.http import HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import get_urlconf, include, path, reverse, set_urlconf
from django.utils import timezone, translation

from allauth_2fa import after_response
from allauth_2fa.audit import events
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.signals import two_factor_event
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending, wrong_code_of

from .test_notices import html_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _connections_of_threads_closed():
    """Close what the threads of a server have opened: Django leaves databases in memory open, and Python warns of it."""
    yield
    ours = [connection.connection for connection in connections.all(initialized_only=True)]
    for opened in [one for one in gc.get_objects() if type(one) is sqlite3.Connection]:
        if not any(opened is one for one in ours):
            opened.close()


@pytest.fixture
def before(settings):
    """Put a middleware before all others, and leave out the one that wants a token of the form."""
    token = "django.middleware.csrf.CsrfViewMiddleware"

    def put(*names):
        settings.MIDDLEWARE = [*(f"{__name__}.{name}" for name in names), *(name for name in settings.MIDDLEWARE if name != token)]

    put()
    return put


# A server


def serve(client, answer):
    """Post an answer as a WSGI server does, up to the point where the response has been sent and is not closed yet."""
    body = urlencode({"otp_token": answer}).encode()
    environ = {
        **client._base_environ(),
        "REQUEST_METHOD": "POST",
        "PATH_INFO": reverse("two-factor-authenticate"),
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    started = []
    response = WSGIHandler()(environ, lambda status, headers: started.append((status, headers)))
    assert b"".join(response)
    ((status, headers),) = started
    return status, dict(headers), response


def test_the_mail_leaves_when_the_response_has_been_sent(client, alice, phone, before):
    give_password(client, alice)
    status, headers, response = serve(client, wrong_code_of(phone))
    assert status == "200 OK"
    assert int(headers["Content-Length"]) > 0
    assert AuditEntry.objects.get().event == "challenge_refused"
    assert mail.outbox == []
    response.close()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    response.close()
    assert len(mail.outbox) == 1


def test_a_worker_that_is_killed_before_the_mail_loses_that_one_and_nothing_else(client, alice, phone, before, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    give_password(client, alice)
    serve(client, wrong_code_of(phone))
    vars(after_response._thread).clear()  # The process is gone, and has closed nothing.
    assert is_pending(client)
    assert mail.outbox == []
    # Nothing says that a mail was sent: the next wrong code is told.
    assert not AuditEntry.objects.filter(event="owner_told").exists()
    give_answer(client, wrong_code_of(phone))
    assert len(mail.outbox) == 1
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_a_session_in_a_signed_cookie(client, alice, phone, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    assert len(mail.outbox) == 1
    give_answer(client, code_of(phone, 1))
    assert is_logged_in(client)


# What becomes of the response


def same_browser(client):
    """Return a client with the same cookies, which reads the list of middleware again."""
    same = Client()
    same.cookies = client.cookies
    return same


class Replaces:
    """A middleware that answers something else."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        self.get_response(request)
        return HttpResponseBadRequest()


class Breaks(Replaces):
    """A middleware that fails on the way out, as Django's does where the session was deleted meanwhile."""

    def __call__(self, request):
        self.get_response(request)
        raise ZeroDivisionError


@pytest.mark.parametrize("middleware", ["Replaces", "Breaks"])
def test_a_response_that_is_never_sent_keeps_no_mail_back(client, alice, phone, before, middleware):
    give_password(client, alice)
    before(middleware)
    same = same_browser(client)
    same.raise_request_exception = False
    assert give_answer(same, wrong_code_of(phone)).status_code >= HTTPStatus.BAD_REQUEST
    assert len(mail.outbox) == 1


def stream(request):
    """Announce something before the response, and something while it is sent."""
    events.announce("device_added", request.user, request=request)

    def parts():
        yield "some "
        events.announce("device_renamed", request.user, request=request)
        yield "lines"

    return StreamingHttpResponse(parts())


def page(request):
    """Announce something on a page that everybody may see."""
    events.announce("device_added", get_user_model().objects.get(username="bob"), request=request)
    return HttpResponse("page")


class Streaming:
    urlpatterns = [
        path("stream/", stream),
        path("page/", page),
        path("accounts/two-factor/", include("allauth_2fa.urls")),
        path("accounts/", include("allauth.urls")),
        path("", lambda _request: HttpResponse()),
    ]


def test_a_response_that_is_streamed(client, bob, settings):
    settings.ROOT_URLCONF = Streaming
    give_password(client, bob)
    response = client.get("/stream/")
    assert mail.outbox == []
    assert next(iter(response.streaming_content)) == b"some "
    assert mail.outbox == []
    assert b"".join(response.streaming_content) == b"lines"
    # What happens while the response is sent has no response to wait for.
    assert [message.subject for message in mail.outbox] == ["[example.com] A device was renamed", "[example.com] A device was added"]


def test_a_response_that_is_cached(bob, settings):
    settings.ROOT_URLCONF = Streaming
    around = "django.middleware.cache.UpdateCacheMiddleware", "django.middleware.cache.FetchFromCacheMiddleware"
    settings.MIDDLEWARE = [around[0], *settings.MIDDLEWARE, around[1]]
    for _ in range(2):
        assert Client().get("/page/").text == "page"
        assert len(mail.outbox) == 1


# Without a response


def test_a_command_does_not_wait(alice):
    events.announce("device_added", alice)
    assert len(mail.outbox) == 1


def test_a_request_that_no_server_has_made_does_not_wait(alice, rf):
    events.announce("device_added", alice, request=rf.get("/"))
    assert len(mail.outbox) == 1


# As it was in the request


class InBerlin(Replaces):
    """A middleware that has the time zone of Berlin, and Hebrew, while the view runs; and drops the response."""

    def __call__(self, request):
        request.urlconf = Elsewhere
        with timezone.override("Europe/Berlin"), translation.override("he"):
            self.get_response(request)
        return HttpResponseBadRequest()


class Elsewhere:
    urlpatterns = [path("elsewhere/two-factor/", include("allauth_2fa.urls")), path("elsewhere/", include("allauth.urls"))]


def test_language_time_zone_and_links_are_those_of_the_request(client, alice, phone, before):
    give_password(client, alice)
    before("InBerlin")
    same_browser(client).post("/elsewhere/two-factor/authenticate/", {"otp_token": wrong_code_of(phone)})
    (message,) = mail.outbox
    assert '<html lang="he" dir="rtl">' in html_of(message)
    assert "CET" in message.body or "CEST" in message.body
    assert "http://testserver/elsewhere/password/reset/" in message.body
    assert translation.get_language() in {"en", "en-us"}, "that of the request does not stay"


# ASGI


class Waits:
    """An async middleware that does not come to an end while it is told to wait."""

    sync_capable, async_capable = False, True
    waits: asyncio.Event | None = None

    def __new__(cls, get_response):
        async def middleware(request):
            response = await get_response(request)
            if cls.waits is not None:
                cls.waits.set()
                await asyncio.Event().wait()
            return response

        from asgiref.sync import markcoroutinefunction  # noqa: PLC0415

        return markcoroutinefunction(middleware)


def scope_of(client):
    cookies = "; ".join(f"{name}={crumb.value}" for name, crumb in client.cookies.items())
    return {
        "type": "http",
        "method": "POST",
        "path": reverse("two-factor-authenticate"),
        "query_string": b"",
        "server": ("testserver", 80),
        "headers": [(b"host", b"testserver"), (b"cookie", cookies.encode()), (b"content-type", b"application/x-www-form-urlencoded")],
    }


@pytest.fixture
def post(client):
    """Post an answer as an ASGI server does, and do something before the visitor disconnects."""

    @async_to_sync
    async def run(answer, do):
        talk = ApplicationCommunicator(ASGIHandler(), scope_of(client))
        await talk.send_input({"type": "http.request", "body": urlencode({"otp_token": answer}).encode()})
        await do(talk)
        await talk.send_input({"type": "http.disconnect"})
        with contextlib.suppress(asyncio.CancelledError):
            await talk.wait(20)

    return run


async def read(talk):
    """Read the response, which is there before the mail is."""
    start = await talk.receive_output(20)
    body = await talk.receive_output(20)
    assert (start["status"], body["more_body"]) == (200, False)


def test_under_asgi_the_mail_leaves_after_the_response(client, alice, phone, before, post):
    give_password(client, alice)
    post(wrong_code_of(phone), read)
    assert len(mail.outbox) == 1


def test_a_visitor_who_disconnects_while_the_code_is_judged_keeps_no_mail_back(client, alice, phone, before, post):
    give_password(client, alice)
    judged, gone = threading.Event(), threading.Event()

    def listen(**_facts):
        judged.set()
        assert gone.wait(20)

    async def wait(_talk):
        while not judged.is_set():  # noqa: ASYNC110 - it is set in another thread
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.2, gone.set)

    two_factor_event.connect(listen)
    try:
        post(wrong_code_of(phone), wait)
    finally:
        two_factor_event.disconnect(listen)
    assert len(mail.outbox) == 1


def test_a_visitor_who_disconnects_while_the_response_is_on_its_way_out_keeps_no_mail_back(client, alice, phone, before, post, monkeypatch):
    give_password(client, alice)
    before("Waits")
    reached = asyncio.Event()
    monkeypatch.setattr(Waits, "waits", reached)

    async def wait(_talk):
        await reached.wait()

    post(wrong_code_of(phone), wait)
    assert len(mail.outbox) == 1


def test_djangos_async_client(client, alice, phone):
    give_password(client, alice)
    browser = AsyncClient()
    browser.cookies = client.cookies

    @async_to_sync
    async def post():
        await browser.post(reverse("two-factor-authenticate"), {"otp_token": wrong_code_of(phone)})
        # The client closes the response in a thread of its own.
        await sync_to_async(close_old_connections, thread_sensitive=False)()

    post()
    assert len(mail.outbox) == 1


# Connections


@pytest.fixture
def other_database(tmp_path):
    """Another database, in a file, that nothing is connected to."""
    connections.databases["other"] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": tmp_path / "other",
    }
    yield connections["other"]
    connections["other"].close()
    del connections["other"], connections.databases["other"]


@pytest.mark.parametrize("is_open", [False, True])
def test_connections_are_left_as_they_were_found(other_database, is_open):
    if is_open:
        other_database.connect()
    with after_response.Waiting() as waiting:
        after_response.run(other_database.connect)
    waiting.run()
    assert (other_database.connection is not None) == is_open


@pytest.mark.parametrize("is_first", [True, False])
def test_what_comes_too_late_runs_at_once(is_first):
    ran = []
    with after_response.Waiting() as waiting:
        if not is_first:
            after_response.run(lambda: ran.append("in time"))
            assert waiting.is_needed()
            waiting.run()
        assert not waiting.is_needed()
        after_response.run(lambda: ran.append("too late"))
    assert ran == (["too late"] if is_first else ["in time", "too late"])


def test_links_are_made_with_the_urlconf_of_the_request():
    seen = []
    set_urlconf(Elsewhere)
    with after_response.Waiting() as waiting:
        after_response.run(lambda: seen.append(get_urlconf()))
    set_urlconf(None)
    waiting.run()
    assert seen == [Elsewhere]
    assert get_urlconf() is None
