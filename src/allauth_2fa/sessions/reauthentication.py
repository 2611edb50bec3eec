"""Authentication before a change: how recent it must be, on our pages and where allauth asks."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from allauth_2fa import app_settings, compat
from allauth_2fa.factors import lookup

from . import verified

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest, HttpResponse

    Described = list[dict[str, Any]]
    """allauth's ways to reauthenticate: methods of its adapter, or flows of its headless API. Each has an ``id``."""


def is_fresh(request: HttpRequest, user: AbstractBaseUser, *, has_factor: bool) -> bool:
    """Return whether this session has authenticated well enough in the last ``ALLAUTH_2FA_REAUTHENTICATION_TIMEOUT`` seconds.

    Args:
        request: whose session holds the records.
        user: the user who wants to change something.
        has_factor: whether the user has a second factor. Then only an answer by a second factor counts; otherwise the login itself or a
            confirmed password does.
    """
    entries = _recent_records(request, user, app_settings.REAUTHENTICATION_TIMEOUT)
    return any(entry.get("method") == "mfa" or not has_factor for entry in entries)


def _recent_records(request: HttpRequest, user: AbstractBaseUser, seconds: int) -> list[dict[str, Any]]:
    """Return by what this user has authenticated in this session within that number of seconds."""
    now = time.time()
    return [entry for entry in compat.records(request, user) if 0 <= now - entry.get("at", 0) < seconds]


# What waits for a reauthentication


def keep(theirs: Callable[..., HttpResponse], request: HttpRequest, *what: Any, **named: Any) -> HttpResponse:
    """Let allauth store a request until the user has reauthenticated, instead of an earlier one, and note whose it is.

    So a request that somebody has left there ends when another page asks. Nothing is stored for a visitor who is not logged in:
    nobody knows who comes next.

    Args:
        theirs: allauth's function, which stores it and leads to where the user can reauthenticate.
        request: in which something has to wait.
        what: whatever ``theirs`` takes beside the request.
        named: the same, by name.
    """
    request.session.pop(compat.SUSPENDED_KEY, None)
    response = theirs(request, *what, **named)
    kept = request.session.pop(compat.SUSPENDED_KEY, None)
    if kept is not None and request.user.is_authenticated:
        request.session[compat.SUSPENDED_KEY] = {**kept, "user": str(request.user.pk), "at": time.time()}
    return response


def resume(theirs: Callable[[HttpRequest], HttpResponse | None], request: HttpRequest) -> HttpResponse | None:
    """Let allauth resume the stored request, if its user has stored it recently. Any other one is deleted.

    It waits as long as a pending login does: ``ACCOUNT_LOGIN_TIMEOUT`` seconds.

    Args:
        theirs: allauth's function, which resumes it and returns the response; None if there is none.
        request: whose user has just reauthenticated.
    """
    if not _is_current(request.session.get(compat.SUSPENDED_KEY), request.user):
        request.session.pop(compat.SUSPENDED_KEY, None)
    return theirs(request)


def _is_current(kept: Any, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether the user has stored it, and not too long ago. A session may hold anything."""
    if not isinstance(kept, dict) or kept.get("user") != str(user.pk):
        return False
    at = kept.get("at")
    return isinstance(at, (int, float)) and 0 <= time.time() - at < compat.login_timeout()


# What allauth asks


def is_recent(theirs: Callable[[HttpRequest], bool], request: HttpRequest) -> bool:
    """Return whether the user of the request has reauthenticated recently, for allauth.

    The result may be stricter than allauth's own, and never less strict.

    Whoever has a factor, ours or one of ``allauth.mfa``'s, has to have answered by one within
    ``ACCOUNT_REAUTHENTICATION_TIMEOUT`` seconds, when asked within the session: as with allauth's own ways, the
    login itself does not count, and neither does the password alone. allauth accepts every user for whom it knows no way to
    reauthenticate.

    Args:
        theirs: allauth's function, which returns its own verdict.
        request: the request whose user wants to continue.
    """
    if not without_our_factors(theirs, request):
        return False
    user: Any = request.user
    if not (verified.is_verified_by_factor(user) or lookup.has_primary(user) or compat.mfa_enabled_for(user)):
        return True
    entries = _recent_records(request, user, compat.reauthentication_timeout())
    return any(entry.get("method") == "mfa" and bool(entry.get("reauthenticated")) for entry in entries)


def flows_of(theirs: Callable[[Any], Described], user: AbstractBaseUser | AnonymousUser) -> Described:
    """Return the flows by which the user can reauthenticate, for allauth and its headless clients.

    Args:
        theirs: allauth's function, which returns the flows that it knows.
        user: the user who is asked.
    """
    flows = theirs(user)
    if _ours_aside.get() or not user.is_authenticated:
        return flows
    mine = lookup.described(lookup.held(user))
    if not mine["factors"]:
        return without_password(flows) if compat.mfa_enabled_for(user) else flows
    known = [kind for flow in flows if flow["id"] == compat.REAUTHENTICATION_PAGE for kind in flow["types"]]
    ours = {"id": compat.REAUTHENTICATION_PAGE, "types": list(dict.fromkeys([*known, *mine["types"]])), "factors": mine["factors"]}
    return [*(flow for flow in without_password(flows) if flow["id"] != ours["id"]), ours]


def without_password(ways: Described) -> Described:
    """Return the ways to reauthenticate that a user with a second factor has: all but the password alone."""
    return [way for way in ways if way["id"] != compat.BY_PASSWORD]


_ours_aside: ContextVar[bool] = ContextVar("allauth_2fa_ours_aside", default=False)


def without_our_factors(ask: Callable[[Any], Any], about: Any) -> Any:
    """Return allauth's answer about the reauthentication of a user or a request, as if our factors were not there."""
    token = _ours_aside.set(True)
    try:
        return ask(about)
    finally:
        _ours_aside.reset(token)
