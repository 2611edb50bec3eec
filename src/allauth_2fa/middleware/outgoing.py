"""What the guard does to a response: it replaces the one of a stopped session, and sets our cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.cache import add_never_cache_headers

from allauth_2fa import compat, cookies, responses, routes
from allauth_2fa.browsers import device_cookie
from allauth_2fa.cookies import MARK, PENDING_COOKIE
from allauth_2fa.login import first_device, guard
from allauth_2fa.responses import is_page
from allauth_2fa.state.pending import clear_pending, is_marked_pending
from allauth_2fa.state.request import SessionOutcome, request_state
from allauth_2fa.state.session import is_stopped

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


def has_work(request: HttpRequest) -> bool:
    """Return whether the response has to be changed, from what the request itself knows.

    A session that nobody has read is not read here: if a login has given it a new key during this request, reading the old one
    would make Django delete the new cookie.
    """
    notes = request_state(request)
    changed = notes.is_stopped or notes.marked is not None or notes.browser_cookie is not None
    return changed or notes.is_restricted or (cookies.is_marked(request) and request.session.accessed)


def finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace the response if the session was stopped, and set the cookies."""
    if request_state(request).is_stopped or request_state(request).is_restricted:
        response = _carried_over(response, _instead_of(request, response), request)
    waiting = guard.is_waiting(request)
    if not waiting and is_marked_pending(request.session):
        clear_pending(request)
    guard.sweep(request)
    if waiting and request_state(request).marked is not False:
        cookies.put(response, PENDING_COOKIE, MARK, _mark_age(request))
    elif cookies.is_marked(request):
        cookies.take_away(response, PENDING_COOKIE)
    if request_state(request).browser_cookie is not None:
        cookies.put(response, device_cookie.COOKIE, request_state(request).browser_cookie or "", device_cookie.COOKIE_AGE, "Lax")
    return response


def _mark_age(request: HttpRequest) -> int:
    """Return for how many seconds the session may hold a pending login, or what one that timed out has left in it."""
    return max(compat.login_timeout(), request.session.get_expiry_age() if is_stopped(request.session) else 0)


def _carried_over(given: HttpResponseBase, response: HttpResponseBase, request: HttpRequest) -> HttpResponseBase:
    """Return the response with the cookies and messages of the given one, which is not sent.

    After a login, the given one may hold a credential of its own view in a cookie. Its cookies are not sent then.
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
def _instead_of(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return the response to a visitor whose session does not show its user: a redirect, or a refusal that names what is missing."""
    if compat.is_headless_request(request):
        return response
    notes = request_state(request)
    leads_on = is_page(request) and routes.are_served()
    if not notes.is_stopped:
        return responses.to_enrollment(request, response) if leads_on else responses.enrollment_required(notes.requirement)
    if not guard.is_waiting(request) or first_device.is_own_page(request):
        return response
    return responses.to_challenge(request, response) if leads_on else responses.challenge_required(request)
