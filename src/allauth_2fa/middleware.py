"""The middleware: the guard of sessions, the reset of pending logins, and 0.x's demand for a second factor."""

from __future__ import annotations

from asyncio import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpResponseForbidden
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject, empty
from django.utils.translation import get_language, get_language_from_path, gettext_lazy, override

from allauth_2fa.browsers import device_cookie
from allauth_2fa.login import first_device, guard, pending, session_user, verdict
from allauth_2fa.requirement import policy
from allauth_2fa.sessions import stepup, verified

from . import app_settings, compat, cookies, responses, routes
from .after_response import Waiting
from .cookies import MARK, PENDING_COOKIE
from .responses import is_page
from .state.pending import clear_pending, is_marked_pending
from .state.request import SessionOutcome, request_state
from .state.session import is_stopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class AllauthTwoFactorMiddleware:
    """Guards every session, and cancels a pending login when another page is loaded.

    It stands after ``django_otp.middleware.OTPMiddleware``. A page that does not ask for the user costs nothing.
    """

    sync_capable = True
    async_capable = True

    open_pages: ClassVar[frozenset[str]] = first_device.OPEN_PAGES
    """Names of URLs that stay open to users who lack what ``ALLAUTH_2FA_REQUIRED`` asks for, beside those of this package."""

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
        with Waiting() as waiting:
            response = self.get_response(request)
            response = _finish(request, response) if _has_work(request) else response
            return waiting.follow(response) if waiting.is_needed() else response

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        self._wrap(request)
        with Waiting() as waiting:
            try:
                response = await self.get_response(request)
                response = await sync_to_async(_finish)(request, response) if _has_work(request) else response
                return await sync_to_async(waiting.follow)(response) if waiting.is_needed() else response
            except CancelledError:
                # The visitor has disconnected. What the view has done is mailed all the same.
                await sync_to_async(waiting.run)()
                raise

    def _wrap(self, request: HttpRequest) -> None:
        """Make the request show its user only if the guard allows it."""
        user, auser, session = request.user, request.auser, getattr(request, "session", None)

        is_open = partial(self.is_open, request)

        admit = routes.naming_missing()(guard.admit)

        def look() -> Any:
            # allauth's headless API puts another session instead of this one, and forgets only the outermost user.
            if getattr(request, "session", None) is not session:
                return _noted(request, admit(request, session_user.user_of_session(request), is_open))
            session_user.find_device(user)
            return _noted(request, admit(request, user, is_open))

        shown = SimpleLazyObject(look)
        request.user = cast("Any", shown)
        request.two_factor = stepup.TwoFactor(request)  # type: ignore[attr-defined]
        seen: list[Any] = []

        async def admitted() -> Any:
            if not seen:
                found = await auser()
                shows = verdict.passes_at_once(request, found)
                seen.append(_noted(request, found if shows else await sync_to_async(admit)(request, found, is_open)))
            return seen[0]

        request.auser = admitted

        def look_again() -> None:
            shown._wrapped = empty  # noqa: SLF001 - so Django resets its own lazy objects
            seen.clear()

        request_state(request).look_again = look_again

    def process_exception(self, _request: HttpRequest, exception: Exception) -> None:
        """Name the line that the URLconf lacks, where a page fails for want of it. Other errors stay as they are."""
        routes.ensure_named(exception)

    def is_open(self, request: HttpRequest) -> bool:
        """Return whether the page stays open to a user who lacks what the site requires. Override it for what no name tells."""
        match = request.resolver_match or _resolved(request)
        if match is None:
            return False
        names = {match.view_name, f"{match.app_name}:{match.url_name}"}
        of_mfa = compat.mfa_installed() and match.view_name.startswith("mfa_")
        return of_mfa or not names.isdisjoint(self.open_pages | first_device.OUR_PAGES)

    def _process_view(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        """Cancel a pending login whose visitor has gone on to another page. Unknown paths do not come here."""
        if _may_leave(request):
            _cancel_if_left(request)
        return self._look_again(request) or (_closed(request) if first_device.is_for_owners(request) else None)

    async def _process_view_async(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        if _may_leave(request):
            await sync_to_async(_cancel_if_left)(request)
        return self._look_again(request) or (await sync_to_async(_closed)(request) if first_device.is_for_owners(request) else None)

    def _look_again(self, request: HttpRequest) -> HttpResponseBase | None:
        """Decide again where somebody asked for the user before it was known what page this is.

        An open page is shown its user. A page that only seemed to be open, because the URLconf was chosen later, is not
        served: whoever asked may hold on to the user.
        """
        notes = request_state(request)
        if notes.outcome in {SessionOutcome.OPEN, SessionOutcome.RESTRICTED} and notes.is_restricted == self.is_open(request):
            notes.outcome = SessionOutcome.OPEN if notes.is_restricted else SessionOutcome.RESTRICTED
            notes.look_again()
            return HttpResponseForbidden() if notes.is_restricted else None
        return None


def _noted(request: HttpRequest, user: Any) -> Any:
    """Keep whom the request shows, so that a login that makes another user of them is known for one."""
    if user.is_authenticated:
        request_state(request).shown = user
    return user


def _resolved(request: HttpRequest) -> Any:
    """Return where the path leads, for those who ask before Django does; None if it leads nowhere.

    The middleware that sets the language of the path may not have had its turn yet.
    """
    with override(get_language_from_path(request.path_info) or get_language()):
        try:
            return resolve(request.path_info, getattr(request, "urlconf", None))
        except Resolver404:
            return None


def _may_leave(request: HttpRequest) -> bool:
    # What the guard has stopped in this very request (a proxy's login, say) is led to the challenge, and has not left it.
    is_elsewhere = not request_state(request).is_stopped and not compat.is_headless_url(request)
    return cookies.is_marked(request) and is_elsewhere and is_page(request)


def _cancel_if_left(request: HttpRequest) -> None:
    if not _is_own_page(request):
        pending.cancel(request)


def _is_own_page(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and (match.url_name or "").startswith(first_device.own_pages(request))


def _closed(request: HttpRequest) -> HttpResponseBase | None:
    return responses.impersonated(request) if verdict.is_impersonated(request) else None


def _has_work(request: HttpRequest) -> bool:
    """Return whether the response has to be changed, from what the request itself knows.

    A session that nobody has looked at stays unseen: where a login has given it a new key while this request was on its
    way, a look for the old one would have Django's answer take the new cookie away.
    """
    notes = request_state(request)
    changed = notes.is_stopped or notes.marked is not None or notes.browser_cookie is not None
    return changed or notes.is_restricted or (cookies.is_marked(request) and request.session.accessed)


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace the response if the session was stopped, and set the cookies."""
    if request_state(request).is_stopped or request_state(request).is_restricted:
        response = _in_place_of(response, _turn_around(request, response), request)
    waiting = guard.is_waiting(request)
    if not waiting and is_marked_pending(request.session):
        clear_pending(request)
    guard.sweep(request)
    if waiting:
        cookies.put(response, PENDING_COOKIE, MARK, _mark_age(request))
    elif cookies.is_marked(request):
        cookies.take_away(response, PENDING_COOKIE)
    if request_state(request).browser_cookie is not None:
        cookies.put(response, device_cookie.COOKIE, request_state(request).browser_cookie or "", device_cookie.COOKIE_AGE, "Lax")
    return response


def _mark_age(request: HttpRequest) -> int:
    """Return for how many seconds the session may hold a pending login, or what one that timed out has left in it."""
    return max(compat.login_timeout(), request.session.get_expiry_age() if is_stopped(request.session) else 0)


def _in_place_of(given: HttpResponseBase, response: HttpResponseBase, request: HttpRequest) -> HttpResponseBase:
    """Carry over what has been put on the response that is not sent: cookies, and messages to be shown.

    A view that has just logged somebody in may have put a credential of its own into a cookie. That is not sent.
    """
    if response is not given:
        add_never_cache_headers(response)
        if request_state(request).outcome is not SessionOutcome.STOPPED_AT_LOGIN:
            for name, morsel in given.cookies.items():
                response.cookies.setdefault(name, morsel)
        storage = getattr(request, "_messages", None)
        if storage is not None:
            storage.update(response)
    return response


@routes.naming_missing()
def _turn_around(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return what the visitor gets whose session does not show its user: the way on, or a refusal that names what is missing."""
    if compat.is_headless_request(request):
        return response
    notes = request_state(request)
    leads_on = is_page(request) and routes.are_served()
    if not notes.is_stopped:
        return responses.to_enrollment(request, response) if leads_on else responses.enrollment_required(notes.requirement)
    if not guard.is_waiting(request) or _is_own_page(request):
        return response
    return responses.to_challenge(request, response) if leads_on else responses.challenge_required(request)


class BaseRequire2FAMiddleware(MiddlewareMixin):
    """Keeps users without a second factor on the pages that set one up. Subclass it, and say of whom it is required."""

    allowed_pages: ClassVar[list[str]] = ["account_change_password", "account_logout", "account_reset_password", "two-factor-setup"]
    """Names of URLs that stay open, with their namespaces (``shop:help``)."""

    require_2fa_message: Any = gettext_lazy("You need to set up two-factor authentication before you can continue.")
    """The message for a user who is led to the setup."""

    needed_pages: ClassVar[frozenset[str]] = frozenset(
        {
            *("account_logout", "account_reauthenticate", "mfa_index"),
            *("two-factor-setup", "two-factor-reauthenticate", "two-factor-authenticate", "two-factor-enroll"),
            *("two-factor-overview", "two-factor-add", "two-factor-add-passkey", "two-factor-backup-tokens"),
        }
    )
    """Names of URLs without which the setup cannot be reached or left. They are open whatever a subclass allows."""

    def on_require_2fa(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response to a user who must set up a second factor first."""
        if "django.contrib.messages" in settings.INSTALLED_APPS:
            responses.message_once(request, self.require_2fa_message)
        # Whoever has an app and needs another factor does not need the page that sets an app up.
        page = responses.enrollment_url(request_state(request).requirement) if app_settings.REQUIRED_FACTORS else "two-factor-setup"
        return redirect(page)

    def is_allowed_page(self, request: HttpRequest) -> bool:
        """Return whether the page stays open. The name counts with its namespace."""
        match = request.resolver_match
        return match is not None and match.view_name in self.allowed_pages

    def require_2fa(self, request: HttpRequest) -> bool:
        """Return whether this request has to come from a user with a second factor."""
        message = f"{type(self).__name__} must say in require_2fa() of whom a second factor is required."
        raise NotImplementedError(message)

    @routes.naming_missing()
    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        """Lead users who lack the second factor to the setup."""
        if request.user.is_anonymous or not self.require_2fa(request):
            return None
        match = request.resolver_match
        if self.is_allowed_page(request) or (match is not None and match.view_name in self.needed_pages):
            return None
        requirement = policy.requirement_of(request.user, required=True)
        # A project's has_2fa_enabled() may not count a device that is there.
        if not requirement.is_due and (requirement.status != "satisfied" or verified.needs_challenge(request.user)):
            return None
        request_state(request).requirement = requirement
        return self.on_require_2fa(request)
