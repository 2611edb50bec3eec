"""The middleware that guards every session, and cancels a pending login that its visitor has left."""

from __future__ import annotations

from asyncio import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpResponseForbidden
from django.urls import Resolver404, resolve
from django.utils.functional import SimpleLazyObject, empty
from django.utils.translation import get_language, get_language_from_path, override

from allauth_2fa import compat, cookies, responses, routes
from allauth_2fa.after_response import Waiting
from allauth_2fa.login import first_device, guard, pending, session_user, verdict
from allauth_2fa.responses import is_page
from allauth_2fa.sessions import stepup
from allauth_2fa.state.request import SessionOutcome, request_state

from . import outgoing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class AllauthTwoFactorMiddleware:
    """Guards every session, and cancels a pending login when another page is loaded.

    It comes after ``django_otp.middleware.OTPMiddleware``. A page that does not ask for the user costs nothing.
    """

    sync_capable = True
    async_capable = True

    open_pages: ClassVar[frozenset[str]] = first_device.OPEN_PAGES
    """Names of URLs that stay open to users who lack what ``ALLAUTH_2FA_REQUIRED`` requires, beside those of this package."""

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
            response = outgoing.finish(request, response) if outgoing.has_work(request) else response
            return waiting.follow(response) if waiting.is_needed() else response

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        self._wrap(request)
        with Waiting() as waiting:
            try:
                response = await self.get_response(request)
                response = await sync_to_async(outgoing.finish)(request, response) if outgoing.has_work(request) else response
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
        """Name the line that the URLconf lacks, if a page fails because of it. Other errors are not changed."""
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
        """Cancel a pending login whose visitor has loaded another page. Unknown paths do not come here."""
        if _may_leave(request):
            _cancel_if_left(request)
        return self._look_again(request) or (_closed(request) if first_device.is_for_owners(request) else None)

    async def _process_view_async(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        if _may_leave(request):
            await sync_to_async(_cancel_if_left)(request)
        return self._look_again(request) or (await sync_to_async(_closed)(request) if first_device.is_for_owners(request) else None)

    def _look_again(self, request: HttpRequest) -> HttpResponseBase | None:
        """Decide again if the user was asked for before it was known which page this is.

        A page that stays open is shown its user. A page that only seemed to stay open, because the URLconf was chosen later, is
        not served: whoever asked may still hold the user.
        """
        notes = request_state(request)
        if notes.outcome in {SessionOutcome.OPEN, SessionOutcome.RESTRICTED} and notes.is_restricted == self.is_open(request):
            notes.outcome = SessionOutcome.OPEN if notes.is_restricted else SessionOutcome.RESTRICTED
            notes.look_again()
            return HttpResponseForbidden() if notes.is_restricted else None
        return None


def _noted(request: HttpRequest, user: Any) -> Any:
    """Store the user whom the request shows, so that a login as another user is noticed."""
    if user.is_authenticated:
        request_state(request).shown = user
    return user


def _resolved(request: HttpRequest) -> Any:
    """Return the view that the path leads to, before Django has resolved it; None if there is none.

    The middleware that sets the language of the path may not have run yet.
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
    if not first_device.is_own_page(request):
        pending.cancel(request)


def _closed(request: HttpRequest) -> HttpResponseBase | None:
    return responses.impersonated(request) if verdict.is_impersonated(request) else None
