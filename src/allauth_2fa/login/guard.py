"""The guard: until a user completes the challenge, a session counts as anonymous, however it was created.

A session that was logged in by another view than allauth's, or before its user had a factor, is turned into a pending login of
allauth's: its authentication keys are deleted, a pending login replaces them, and the user is anonymous.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django_otp import DEVICE_ID_SESSION_KEY

from allauth_2fa import compat
from allauth_2fa.sessions import ending, verified
from allauth_2fa.state.pending import ENROLLMENT_KEY, OUR_STAGES, PendingLogin, is_marked_pending
from allauth_2fa.state.request import ENROLLMENT_PAGE, SessionOutcome, request_state, take_passed
from allauth_2fa.state.session import SessionState, is_stopped, mark_stopped, take_stopped

from . import challenge, other_views, pending
from .session_user import nobody, with_device
from .verdict import SessionAlone, Verdict, judge, judge_login

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.contrib.sessions.backends.base import SessionBase
    from django.http import HttpRequest, HttpResponse

LOGIN_KEYS = frozenset({SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, DEVICE_ID_SESSION_KEY, *compat.RECORD_KEYS})
"""The session keys that a login itself writes."""

AUTHENTICATION_KEYS = (SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, DEVICE_ID_SESSION_KEY)
"""The session keys that log a user in."""


def may_show(session: SessionBase, user: AbstractBaseUser) -> bool:
    """Return whether a session that is read without a request may show the user.

    Args:
        session: a session that names the user.
        user: the user whom Django has just read from the session. The object is not changed.
    """
    request = SessionAlone(session)
    return judge(request, with_device(request, copy(user))) is Verdict.SHOWN


def admit(request: HttpRequest, user: Any, is_open: Callable[[], bool]) -> Any:
    """Return the user if this session may show them, else the anonymous user.

    A session that has ended is emptied, and one that needs a second factor is turned into a pending login. One whose user lacks what
    the site requires continues, and shows its user only on the pages that stay open.

    Args:
        request: whose session it is.
        user: who is logged in.
        is_open: returns whether this page stays open.
    """
    verdict = judge(request, user)
    if verdict is Verdict.ENDED:
        _end(request)
        return nobody()
    if verdict is Verdict.UNPROVED:
        suspend(request, user)
        mark_stopped(request.session, user)
        return nobody()
    if verdict is Verdict.SHOWN:
        return user
    stays_open = is_open()
    request_state(request).outcome = SessionOutcome.OPEN if stays_open else SessionOutcome.RESTRICTED
    return user if stays_open else nobody()


def _end(request: HttpRequest) -> None:
    """Empty a session that has ended, as a logout does."""
    request_state(request).ended = request.session
    request.session.flush()
    _forget_cached(request)


def _forget_cached(request: HttpRequest) -> None:
    for cache in ("_cached_user", "_acached_user"):
        vars(request).pop(cache, None)


def suspend(request: HttpRequest, user: AbstractBaseUser, key: str = compat.STAGE_KEY) -> None:
    """Turn a logged-in session into a pending login that waits at the stage with that key."""
    login = compat.Login(user=user)
    stages = login.state["stages"] = {"current": key}
    data: dict[str, Any] = {}
    stages[key] = {"data": data}  # type: ignore[assignment]
    state = PendingLogin(data)
    challenge.remember_backend(request, state)
    for key_of_login in AUTHENTICATION_KEYS:
        request.session.pop(key_of_login, None)
    SessionState(request.session, user).clear_login()
    _forget_cached(request)
    pending.begin(request, login, state)
    if key == ENROLLMENT_KEY:
        # The stage before counts as passed.
        asked: dict[str, Any] = {}
        PendingLogin(asked).ask_nothing()
        stages[compat.STAGE_KEY] = {"data": asked}  # type: ignore[assignment]
        request_state(request).page = ENROLLMENT_PAGE
    elif compat.mfa_installed() and not verified.needs_challenge(user):
        # The proof that is missing is allauth.mfa's: its page asks for it, and no device of ours will answer.
        state.leave_to_mfa()
        request_state(request).page = compat.MFA_PAGE
    compat.defer_earlier_stages(request, login)
    compat.stash(request, login)
    request_state(request).outcome = SessionOutcome.STOPPED


def on_user_logged_in(request: HttpRequest | None, user: AbstractBaseUser) -> None:
    """Judge a login by any view at Django's signal, before another reader of the session can see its user."""
    if request is None or not hasattr(request, "session"):
        return
    _clear_for(request, user)
    shown, request_state(request).shown = request_state(request).shown, user
    ending.note(request.session, user)
    request_state(request).ended = None
    if take_passed(request):
        return
    other_views.record(request, user, shown)
    if verified.is_bound(user):
        request.session[DEVICE_ID_SESSION_KEY] = user.otp_device.persistent_id  # type: ignore[attr-defined]
        return
    verdict = judge_login(request, user)
    if verdict is Verdict.UNPROVED:
        _stop(request, user, shown, compat.STAGE_KEY)
    elif verdict is Verdict.LACKING:
        _stop(request, user, shown, ENROLLMENT_KEY)


def _stop(request: HttpRequest, user: AbstractBaseUser, shown: AbstractBaseUser | None, key: str) -> None:
    """Stop a login at Django's signal.

    Other receivers and the view write to the session before and after this. Where one user becomes another, as with support
    that looks at the site as a customer would, they write the way back: that is not for the customer either.
    """
    suspend(request, user, key)
    is_own = shown is None or shown.pk == user.pk
    mark_stopped(request.session, user if is_own else None)
    request_state(request).outcome = SessionOutcome.STOPPED_AT_LOGIN
    forget_user(request)


def _clear_for(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Delete from the session what does not belong to the user who has just logged in.

    Django empties a session in which another user was logged in. It does not know of one that the guard has stopped.
    """
    if take_stopped(request.session, user):
        kept = {key: value for key, value in request.session.items() if key in LOGIN_KEYS}
        request.session.clear()
        request.session.update(kept)
    if is_marked_pending(request.session):
        pending.cancel(request)
    SessionState(request.session, user).clear_checks()
    # What waits for a reauthentication was left there by whoever was here before.
    request.session.pop(compat.SUSPENDED_KEY, None)


def forget_user(request: HttpRequest) -> None:
    """Make the request show nobody from now on."""
    request.user = nobody()

    async def auser() -> AnonymousUser:
        return nobody()

    request.auser = auser


def sweep(request: HttpRequest) -> None:
    """Empty a session that was stopped and whose login is over, because it has timed out, say."""
    if is_stopped(request.session) and compat.pending_stage_key(request) is None:
        request.session.flush()


def is_waiting(request: HttpRequest) -> bool:
    """Return whether a login still waits at a stage of ours; the view may have cancelled it, as logout does."""
    return compat.pending_stage_key(request) in OUR_STAGES


def lead_on(request: HttpRequest, next_url: str | None) -> HttpResponse | None:
    """Run the stopped login through allauth's stages, and return the response.

    The stages of e-mail and phone verification and login by code apply to it as to any other login.
    """
    login = compat.pending_login(request)
    if login is None:
        return None
    login.redirect_url = next_url
    compat.resume_stages(login)
    return compat.resume(request, login)
