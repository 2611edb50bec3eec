"""The guard: until a user completes the challenge, a session counts as anonymous, however it was created.

A session that was logged in by another view than allauth's, or before its user had a factor, is turned into a pending login of
allauth's: its authentication keys go, a pending login takes their place, and the user is anonymous.
"""

from __future__ import annotations

from copy import copy
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject, empty
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.middleware import OTPMiddleware

from allauth_2fa import compat
from allauth_2fa.browsers import trust
from allauth_2fa.factors import registry
from allauth_2fa.requirement import in_session
from allauth_2fa.sessions import checked, ending, verified
from allauth_2fa.state.pending import ENROLLMENT_KEY, OUR_STAGES, PendingLogin, is_marked_pending
from allauth_2fa.state.request import ENROLLMENT_PAGE, Standing, request_state, take_settled
from allauth_2fa.state.session import SessionState, is_stopped, mark_stopped, take_stopped

from . import challenge, other_views, pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.sessions.backends.base import SessionBase
    from django.http import HttpResponse
    from django_otp.models import Device

LOGIN_KEYS = frozenset({SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, DEVICE_ID_SESSION_KEY, *compat.RECORD_KEYS})
"""What a login itself writes into a session."""

AUTHENTICATION_KEYS = (SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, DEVICE_ID_SESSION_KEY)
"""What makes a session that of a user."""


class Verdict(Enum):
    """What the guard finds of a session and the user whom it names."""

    SHOWN = "may show its user"
    ENDED = "was ended"
    UNPROVED = "needs the second factor"
    LACKING = "lacks what the site requires"


class SessionAlone(HttpRequest):
    """Stands for the request where a session is read without one: by a token, say, or by a websocket.

    No such session is exempt. The adapter's hook decides by the request, and would find an empty one here: what it takes
    for a sign of a trusted network may be no more than a header that is missing.
    """

    def __init__(self, session: SessionBase) -> None:
        super().__init__()
        self.session = session


def nobody() -> AnonymousUser:
    """Return the anonymous user, with what django-otp's middleware gives every user."""
    user = AnonymousUser()
    OTPMiddleware._init_user_fields(user)  # noqa: SLF001 - there is no public way to ask for it
    return user


def user_of_session(request: HttpRequest) -> Any:
    """Read the user, and the device that the session is bound to, from the session as it is now."""
    return _with_device(request, get_user(request))


class _Verifier(OTPMiddleware):
    """django-otp's middleware, but that the statement which finds the device is built once."""

    def _device_from_persistent_id(self, persistent_id: str) -> Device | None:
        return registry.bound(self._normalize_persistent_id(persistent_id))


_VERIFIER = _Verifier(nobody)


def _with_device(request: HttpRequest, user: Any) -> Any:
    return _VERIFIER._verify_user_sync(request, user)  # noqa: SLF001 - what its own lazy user calls


def find_device(user: Any) -> None:
    """Find the device that the session is bound to, for the user whom django-otp's middleware has put into the request.

    That middleware would find the same one when it is first asked. A user that something else has put there is left alone.
    """
    asks = vars(user).get("_setupfunc") if type(user) is SimpleLazyObject and vars(user)["_wrapped"] is empty else None
    if isinstance(asks, partial) and asks.func == OTPMiddleware._verify_user_sync.__get__(_middleware_of(asks)):  # noqa: SLF001 - see above
        user._wrapped = _with_device(*asks.args)  # noqa: SLF001 - so Django sets up its own lazy objects


def _middleware_of(asks: partial[Any]) -> Any:
    found = getattr(asks.func, "__self__", None)
    return found if type(found) is OTPMiddleware else None


def must_challenge(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this session has to prove a second factor before anybody may see its user.

    A session that owes nothing is believed for ``ALLAUTH_2FA_GUARD_RECHECK`` seconds; after that it costs one query.
    """
    if verified.is_bound(user) or checked.was_checked(request, user) or _is_exempt(request, user):
        return False
    if not trust.holds(request, user) and (verified.needs_challenge(user) or _owes_mfa(request, user)):
        return True
    checked.remember(request, user)
    return False


def _is_exempt(request: HttpRequest, user: AbstractBaseUser) -> bool:
    if isinstance(request, SessionAlone):
        return False
    hook = getattr(get_adapter(), "is_two_factor_exempt", None)
    return bool(hook and hook(request, user))


def is_impersonated(request: HttpRequest) -> bool:
    """Return whether somebody else uses the user's account in this request, as the project's adapter says."""
    hook = getattr(get_adapter(), "is_impersonated", None)
    return bool(hook and hook(request))


def _owes_mfa(request: HttpRequest, user: AbstractBaseUser) -> bool:
    return not SessionState(request.session, user).is_proved_by_mfa and compat.mfa_enabled_for(user)


def passes_at_once(request: HttpRequest, user: Any) -> bool:
    """Return whether the session may show the user, as far as that is known without a query."""
    if not user.is_authenticated:
        return True
    return _owes_nothing_for_sure(request, user) and in_session.is_known_to_be_met(request, user)


def _owes_nothing_for_sure(request: HttpRequest, user: AbstractBaseUser) -> bool:
    return (verified.is_bound(user) and ending.is_noted(request.session, user)) or checked.was_checked(request, user)


def judge(request: HttpRequest, user: Any) -> Verdict:
    """Return what the guard finds of the session and its user. Nobody is logged out by it: :func:`admit` sees to what follows."""
    if passes_at_once(request, user) or _is_exempt(request, user):
        return Verdict.SHOWN
    if not _owes_nothing_for_sure(request, user) and _was_ended(request, user):
        return Verdict.ENDED
    if must_challenge(request, user):
        return Verdict.UNPROVED
    return Verdict.LACKING if in_session.lacks(request, user) else Verdict.SHOWN


def may_show(session: SessionBase, user: AbstractBaseUser) -> bool:
    """Return whether a session that is read without a request may show the user.

    Args:
        session: one that names the user.
        user: as Django has just read them from the session. They are left as they are.
    """
    request = SessionAlone(session)
    return judge(request, _with_device(request, copy(user))) is Verdict.SHOWN


def admit(request: HttpRequest, user: Any, is_open: Callable[[], bool]) -> Any:
    """Return the user if this session may show them, else the anonymous user.

    A session that is over is emptied, and one that owes a proof is turned around. One whose user lacks what the site
    requires goes on, and shows its user on those pages alone that stay open.

    Args:
        request: whose session it is.
        user: who is logged in.
        is_open: tells whether this page is one that stays open.
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
    request_state(request).standing = Standing.OPEN if stays_open else Standing.KEPT_OUT
    return user if stays_open else nobody()


def _was_ended(request: HttpRequest, user: AbstractBaseUser) -> bool:
    # Who asked for the user before the session was emptied, within this request, may still hold them.
    return request_state(request).ended is request.session or ending.is_over(request.session, user)


def _end(request: HttpRequest) -> None:
    """Empty a session that is over, as a logout does."""
    request_state(request).ended = request.session
    request.session.flush()
    _forget_cached(request)


def _forget_cached(request: HttpRequest) -> None:
    for cache in ("_cached_user", "_acached_user"):
        vars(request).pop(cache, None)


def suspend(request: HttpRequest, user: AbstractBaseUser, key: str = compat.STAGE_KEY) -> None:
    """Turn a logged-in session into a pending login of allauth's that waits at the stage of that key."""
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
        # The proof that is owed is allauth.mfa's: its page asks for it, and no device of ours will answer.
        state.leave_to_mfa()
        request_state(request).page = compat.MFA_PAGE
    compat.put_off_earlier_stages(request, login)
    compat.stash(request, login)
    request_state(request).standing = Standing.STOPPED


def on_user_logged_in(request: HttpRequest | None, user: AbstractBaseUser) -> None:
    """Catch a login by any door at Django's signal, before another reader of the session can see it."""
    if request is None or not hasattr(request, "session"):
        return
    _clear_for(request, user)
    shown, request_state(request).shown = request_state(request).shown, user
    ending.note(request.session, user)
    request_state(request).ended = None
    if take_settled(request):
        return
    other_views.record(request, user, shown)
    if verified.is_bound(user):
        request.session[DEVICE_ID_SESSION_KEY] = user.otp_device.persistent_id  # type: ignore[attr-defined]
    elif must_challenge(request, user):
        _stop(request, user, shown, compat.STAGE_KEY)
    elif not _is_exempt(request, user) and in_session.lacks(request, user):
        _stop(request, user, shown, ENROLLMENT_KEY)


def _stop(request: HttpRequest, user: AbstractBaseUser, shown: AbstractBaseUser | None, key: str) -> None:
    """Stop a login at Django's signal.

    Other receivers and the view write to the session before and after this. Where one user becomes another, as with support
    that looks at the site as a customer would, they write the way back: that is not for the customer either.
    """
    suspend(request, user, key)
    is_own = shown is None or shown.pk == user.pk
    mark_stopped(request.session, user if is_own else None)
    request_state(request).standing = Standing.STOPPED_AT_LOGIN
    forget_user(request)


def _clear_for(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Take out of the session what does not concern the user who has just logged in.

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
    """Return whether the login that was turned around is still waiting; the view may have cancelled it, as logout does."""
    return compat.pending_stage_key(request) in OUR_STAGES


def lead_on(request: HttpRequest, next_url: str | None) -> HttpResponse | None:
    """Run the login that was turned around through allauth's stages, and return what it leads to.

    The stages of e-mail and phone verification and login by code apply to it as to any other login.
    """
    login = compat.pending_login(request)
    if login is None:
        return None
    login.redirect_url = next_url
    compat.take_up_stages(login)
    return compat.resume(request, login)
