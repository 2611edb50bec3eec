"""The pending login: begun, bound to the password, cancelled."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from allauth_2fa import compat
from allauth_2fa.exceptions import LoginEnded
from allauth_2fa.state.pending import OUR_STAGES, PendingLogin, clear_pending, mark_pending
from allauth_2fa.state.session import is_stopped

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest


# The pending login


def begin(request: HttpRequest, login: compat.Login, state: PendingLogin) -> None:
    """Bind the login to the password as it is now, and mark it as waiting for a second factor."""
    user = login.user
    if user is None:
        raise LoginEnded
    state.wait(user)
    mark_pending(request, user, by_client=_is_of_client(request, login))


def _is_of_client(request: HttpRequest, login: compat.Login) -> bool:
    """Return whether a client of allauth's headless API finishes the login, also after it was at the page of a provider."""
    social = (login.signal_kwargs or {}).get("sociallogin")
    return bool(compat.is_headless_request(request) or getattr(social, "is_headless", False))


def renew_key(request: HttpRequest) -> None:
    """Give the session a new key, because it holds more than before: the password, or the second factor, has been given.

    Somebody may have planted the old key in this browser. With it they could add a first device of their own to the login.
    """
    if request.session.session_key:
        request.session.cycle_key()


def cancel(request: HttpRequest) -> None:
    """End the pending login, if it waits at a stage of ours and nowhere else."""
    if compat.pending_stage_key(request) in OUR_STAGES:
        discard(request)
    clear_pending(request)


def discard(request: HttpRequest) -> None:
    """Forget the pending login; with the whole session, as a logout does, if somebody was logged in before."""
    if is_stopped(request.session):
        request.session.flush()
    else:
        compat.clear_login(request)


def ensure_sound(stage: compat.LoginStage) -> AbstractBaseUser:
    """Return the user whose login waits at the stage.

    Raises:
        LoginEnded: the user was deleted or deactivated, or the password has changed since.
    """
    user = stage.login.user
    if user is None or not is_sound(user, PendingLogin(stage.state)):
        raise LoginEnded
    return user


def is_sound(user: AbstractBaseUser, state: PendingLogin) -> bool:
    """Return whether the user is active and has the password that the login with this state of our stage began with."""
    return user.is_active and _same_password(user, state.password)


def _same_password(user: AbstractBaseUser, bound: str | None) -> bool:
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return bound is not None and any(hmac.compare_digest(bound.encode(), known.encode()) for known in hashes)
