"""The middleware: the guard of sessions, the reset of half-finished logins, and 0.x's demand for a second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import compat
from .flows import browsers, challenge, guard, stepup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

PENDING_COOKIE = "allauth_2fa_pending"
"""Tells, without a look at the session, that there may be a half-finished login in it. It proves and opens nothing."""

OWN_PAGES = (challenge.PAGE, compat.MFA_PAGE)
"""How the names of the pages begin on which a half-finished login is gone on with; loading another one cancels it."""


def is_page(request: HttpRequest) -> bool:
    """Tell whether a person is loading a page, as far as the headers say.

    Browsers say it in ``Sec-Fetch-Dest`` (W3C Fetch Metadata). Without it, whatever is not obviously a part of a page,
    a prefetch or a script's request counts as one.
    """
    headers = request.headers
    if "prefetch" in headers.get("Sec-Purpose", "") + headers.get("Purpose", "") or "Service-Worker" in headers:
        return False
    destination = headers.get("Sec-Fetch-Dest")
    if destination is not None:
        return destination == "document"
    if headers.get("X-Requested-With") == "XMLHttpRequest":
        return False
    accepted, body = headers.get("Accept", ""), headers.get("Content-Type", "")
    return not body.startswith("application/json") and ("text/html" in accepted or "*/*" in accepted or not accepted)


class AllauthTwoFactorMiddleware:
    """Guards every session, and cancels a half-finished login when another page is loaded.

    It stands after ``django_otp.middleware.OTPMiddleware``. A page that does not ask for the user costs nothing.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        # Django looks at this attribute once; a plain function would send every async request through a thread.
        self.process_view: Callable[..., Any] = self._process_view_async if self.is_async else self._process_view

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve the request."""
        if self.is_async:
            return self._serve_async(request)
        self._wrap(request)
        response = self.get_response(request)
        return _finish(request, response) if _has_work(request) else response

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        self._wrap(request)
        response = await self.get_response(request)
        return await sync_to_async(_finish)(request, response) if _has_work(request) else response

    def _wrap(self, request: HttpRequest) -> None:
        """Let whoever asks for the user see only somebody who owes no proof."""
        user, auser, session = request.user, request.auser, getattr(request, "session", None)

        def look() -> Any:
            # allauth's headless API puts another session in the place of this one, and forgets only the outermost user.
            return guard.admit(request, user if getattr(request, "session", None) is session else guard.user_of_session(request))

        request.user = cast("Any", SimpleLazyObject(look))
        request.two_factor = stepup.TwoFactor(request)  # type: ignore[attr-defined]
        seen: list[Any] = []

        async def admitted() -> Any:
            if not seen:
                found = await auser()
                seen.append(found if guard.passes_at_once(request, found) else await sync_to_async(guard.admit)(request, found))
            return seen[0]

        request.auser = admitted

    def _process_view(self, request: HttpRequest, *_view: Any) -> None:
        """Cancel a half-finished login whose visitor has gone on to another page. Unknown paths do not come here."""
        if _leaves_challenge(request):
            challenge.cancel(request)

    async def _process_view_async(self, request: HttpRequest, *_view: Any) -> None:
        if _leaves_challenge(request):
            await sync_to_async(challenge.cancel)(request)


def _leaves_challenge(request: HttpRequest) -> bool:
    # What the guard has stopped in this very request (a proxy's login, say) is led to the challenge, and has not left it.
    is_new = challenge.notes(request).foreign_user is not None
    return PENDING_COOKIE in request.COOKIES and not is_new and not _is_own_page(request) and is_page(request)


def _is_own_page(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and (match.url_name or "").startswith(OWN_PAGES)


def _has_work(request: HttpRequest) -> bool:
    """Tell whether the response has to be changed, from what the request itself knows.

    A session that nobody has looked at stays unseen: where a login has given it a new key while this request was on its
    way, a look for the old one would have Django's answer take the new cookie away.
    """
    notes = challenge.notes(request)
    changed = notes.foreign_user is not None or notes.marked is not None or notes.browser_cookie is not None
    return changed or (PENDING_COOKIE in request.COOKIES and request.session.accessed)


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Turn the response around if the session owed a proof, and keep the marker cookie in step with the session."""
    if challenge.notes(request).foreign_user is not None:
        response = _in_place_of(response, _turn_around(request, response), request)
    waiting = guard.is_waiting(request)
    if not waiting and challenge.PENDING_SESSION_KEY in request.session:
        challenge.release(request)
    if waiting:
        _mark(response)
    elif PENDING_COOKIE in request.COOKIES:
        _unmark(response)
    if challenge.notes(request).browser_cookie is not None:
        _know_again(response, challenge.notes(request).browser_cookie or "")
    return response


def _in_place_of(given: HttpResponseBase, response: HttpResponseBase, request: HttpRequest) -> HttpResponseBase:
    """Carry over what has been put on the response that is not sent: cookies, and messages to be shown.

    A view that has just logged somebody in may have put a credential of its own into a cookie. That is not sent.
    """
    if response is not given:
        add_never_cache_headers(response)
        if not challenge.notes(request).announced:
            for name, morsel in given.cookies.items():
                response.cookies.setdefault(name, morsel)
        storage = getattr(request, "_messages", None)
        if storage is not None:
            storage.update(response)
    return response


def _turn_around(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return what the visitor of a session that owes a proof gets: the challenge, or a refusal that names the flow."""
    if not guard.is_waiting(request) or _is_own_page(request) or compat.is_headless_request(request):
        return response
    if not is_page(request):
        return refusal(challenge.notes(request).page)
    target = _target(request, response)
    led = guard.lead_on(request, target)
    if led is not None and guard.is_waiting(request) and challenge.notes(request).page == challenge.PAGE:
        query = f"?{urlencode({REDIRECT_FIELD_NAME: target})}" if target else ""
        return HttpResponseRedirect(reverse(challenge.PAGE) + query)
    return led or response


def refusal(page: str = challenge.PAGE) -> JsonResponse:
    """Return the answer to a script whose session owes a proof, in the shape of allauth's headless API."""
    flow = {"id": compat.STAGE_KEY, "is_pending": True, "url": reverse(page)}
    detail = _("Sign in with your second factor first.")
    return JsonResponse({"status": 403, "detail": detail, "data": {"flows": [flow]}, "meta": {"is_authenticated": False}}, status=403)


def _target(request: HttpRequest, response: HttpResponseBase) -> str | None:
    """Return where the visitor wanted to go: what the login view leads to, else the page itself."""
    if challenge.notes(request).announced:
        wanted = response.headers.get("Location") if isinstance(response, HttpResponse) else None
    elif request.method in {"GET", "HEAD"}:
        wanted = request.get_full_path()
    else:
        wanted = request.headers.get("Referer")
    hosts = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=request.is_secure())
    return wanted if wanted and safe else None


def _mark(response: HttpResponseBase) -> None:
    cast("HttpResponse", response).set_cookie(
        PENDING_COOKIE,
        "1",
        max_age=compat.login_timeout(),
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite=cast("Any", settings.SESSION_COOKIE_SAMESITE),
    )


def _unmark(response: HttpResponseBase) -> None:
    cast("HttpResponse", response).delete_cookie(
        PENDING_COOKIE,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        samesite=cast("Any", settings.SESSION_COOKIE_SAMESITE),
    )


def _know_again(response: HttpResponseBase, value: str) -> None:
    cast("HttpResponse", response).set_cookie(
        browsers.COOKIE,
        value,
        max_age=browsers.COOKIE_AGE,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


class BaseRequire2FAMiddleware(MiddlewareMixin):
    """Keeps users without a second factor on the pages that set one up. Subclass it, and say of whom it is required."""

    allowed_pages: ClassVar[list[str]] = ["account_change_password", "account_logout", "account_reset_password", "two-factor-setup"]
    """Names of URLs that stay open, with their namespaces (``shop:help``)."""

    require_2fa_message: Any = gettext_lazy("You must enable two-factor authentication before doing anything else.")
    """What a user reads who is led to the setup."""

    needed_pages: ClassVar[frozenset[str]] = frozenset(
        {"account_logout", "account_reauthenticate", "two-factor-setup", "two-factor-reauthenticate", "two-factor-authenticate"}
    )
    """Names of URLs without which the setup cannot be reached or left. They are open whatever a subclass allows."""

    def on_require_2fa(self, request: HttpRequest) -> HttpResponseBase:
        """Return what a user gets who has to set up a second factor first."""
        if "django.contrib.messages" in settings.INSTALLED_APPS:
            _tell_once(request, self.require_2fa_message)
        return redirect("two-factor-setup")

    def is_allowed_page(self, request: HttpRequest) -> bool:
        """Tell whether the page stays open. The name counts with its namespace."""
        match = request.resolver_match
        return match is not None and match.view_name in self.allowed_pages

    def require_2fa(self, request: HttpRequest) -> bool:
        """Tell whether this request has to come from a user with a second factor."""
        message = f"{type(self).__name__} must say in require_2fa() of whom a second factor is required."
        raise NotImplementedError(message)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        """Lead users who lack the second factor to the setup."""
        if request.user.is_anonymous or not self.require_2fa(request):
            return None
        match = request.resolver_match
        if self.is_allowed_page(request) or (match is not None and match.view_name in self.needed_pages):
            return None
        if challenge.is_due(request.user):
            return None
        return self.on_require_2fa(request)


MESSAGE_TAG = "2fa_required"


def _tell_once(request: HttpRequest, text: Any) -> None:
    """Add the message, or renew the one that is still waiting to be shown."""
    storage: Any = messages.get_messages(request)
    waiting = next((message for message in storage if message.extra_tags == MESSAGE_TAG), None)
    if waiting is None:
        messages.error(request, text, extra_tags=MESSAGE_TAG)
    else:
        waiting.message = text
    storage.used = False
