"""What the guard finds out about a session and its user. It changes nothing; the session remembers the result for a while."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest

from allauth_2fa import compat
from allauth_2fa.browsers import trust
from allauth_2fa.requirement import in_session
from allauth_2fa.sessions import checked, ending, verified
from allauth_2fa.state.request import request_state
from allauth_2fa.state.session import SessionState

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.sessions.backends.base import SessionBase


class Verdict(Enum):
    """What the guard finds out about a session and the user whom it names."""

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


def judge(request: HttpRequest, user: Any) -> Verdict:
    """Return what the guard finds out about the session of this request and its user."""
    if passes_at_once(request, user) or _is_exempt(request, user):
        return Verdict.SHOWN
    if not _is_known_to_need_nothing(request, user) and _was_ended(request, user):
        return Verdict.ENDED
    return _judge_proof(request, user)


def judge_login(request: HttpRequest, user: AbstractBaseUser) -> Verdict:
    """Return what the guard finds out about a login that was just made. Its session cannot have ended yet."""
    return Verdict.SHOWN if _is_exempt(request, user) else _judge_proof(request, user)


def _judge_proof(request: HttpRequest, user: AbstractBaseUser) -> Verdict:
    if must_challenge(request, user):
        return Verdict.UNPROVED
    return Verdict.LACKING if in_session.lacks(request, user) else Verdict.SHOWN


def passes_at_once(request: HttpRequest, user: Any) -> bool:
    """Return whether the session may show the user, as far as that is known without a query."""
    if not user.is_authenticated:
        return True
    return _is_known_to_need_nothing(request, user) and in_session.is_known_to_be_met(request, user)


def _is_known_to_need_nothing(request: HttpRequest, user: AbstractBaseUser) -> bool:
    return (verified.is_bound(user) and ending.is_noted(request.session, user)) or checked.was_checked(request, user)


def must_challenge(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this session needs an answer for a second factor before it may show its user.

    A session that needs none is believed for ``ALLAUTH_2FA_GUARD_RECHECK`` seconds; after that it costs one query.
    """
    if verified.is_bound(user) or checked.was_checked(request, user):
        return False
    if not trust.holds(request, user) and (verified.needs_challenge(user) or _needs_mfa(request, user)):
        return True
    checked.remember(request, user)
    return False


def _needs_mfa(request: HttpRequest, user: AbstractBaseUser) -> bool:
    return not SessionState(request.session, user).is_proved_by_mfa and compat.mfa_enabled_for(user)


def _was_ended(request: HttpRequest, user: AbstractBaseUser) -> bool:
    # Who asked for the user before the session was emptied, within this request, may still hold them.
    return request_state(request).ended is request.session or ending.is_over(request.session, user)


def _is_exempt(request: HttpRequest, user: AbstractBaseUser) -> bool:
    if isinstance(request, SessionAlone):
        return False
    hook = getattr(get_adapter(), "is_two_factor_exempt", None)
    return bool(hook and hook(request, user))


def is_impersonated(request: HttpRequest) -> bool:
    """Return whether somebody else uses the user's account in this request, as the project's adapter says."""
    hook = getattr(get_adapter(), "is_impersonated", None)
    return bool(hook and hook(request))
