"""How a login continues after the challenge, and which device has answered for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY

from allauth_2fa import compat
from allauth_2fa.audit import events
from allauth_2fa.factors import lookup, registry
from allauth_2fa.sessions import verified
from allauth_2fa.state.pending import PendingLogin, ProvedBy, clear_pending
from allauth_2fa.state.request import request_state
from allauth_2fa.state.session import SessionState

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django_otp.models import Device


def complete(stage: compat.LoginStage, user: AbstractBaseUser, device: Device) -> HttpResponse:
    """Continue the login with the device that has accepted the answer, and return the response."""
    factor = registry.factor_of(device)
    events.announce("challenge_passed", user, request=stage.request, device=device, factor=factor.id if factor else "")
    return resume(stage, user, device)


def resume(stage: compat.LoginStage, user: AbstractBaseUser, device: Device) -> HttpResponse:
    """Continue the login after a stage of ours, bound to the device, and return the response."""
    verified.record_answer(stage.request, user, device)
    PendingLogin(stage.state).prove_by_device(device)
    request_state(stage.request).device = device
    clear_pending(stage.request)
    return stage.exit()


def passed_state(request: HttpRequest, user: AbstractBaseUser, key: str = compat.STAGE_KEY) -> PendingLogin | None:
    """Return our stage's state of the login that has just run through the stages, None if no such login is running."""
    login = request_state(request).login
    if login is None or login.user is None or login.user.pk != user.pk:
        return None
    stage = login.state.get("stages", {}).get(key, {})
    return PendingLogin(stage.get("data")) if stage.get("handled") else None


def needs_challenge_now(request: HttpRequest, user: AbstractBaseUser, state: PendingLogin) -> bool:
    """Return whether a login that needed no second factor in an earlier request needs one by now.

    Args:
        request: the request in which the login leaves the last stage.
        user: whose login it is, with the device that it has answered by, if any.
        state: our stage's state of it.
    """
    if request_state(request).asked or verified.is_bound(user) or state.proved_by is ProvedBy.TRUST:
        return False
    if verified.needs_challenge(user):
        return True
    return state.proved_by is not ProvedBy.MFA and compat.mfa_enabled_for(user) and not _has_signed_up_by_passkey(request, user)


def _has_signed_up_by_passkey(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this sign-up has just made its passkey at the stage of ``allauth.mfa`` that comes after ours."""
    login = request_state(request).login
    return login is not None and login.signup and SessionState(request.session, user).is_proved_by_mfa


def proving_device(request: HttpRequest, state: PendingLogin, user: AbstractBaseUser) -> Device | None:
    """Return the device that answered, None if it is not the user's or not confirmed any more.

    It is at hand in the request with the answer. After another stage it is loaded again.
    """
    device = request_state(request).device
    if device is not None and device.persistent_id == state.device_id and device.user_id == user.pk and device.confirmed:
        return device
    return lookup.load(state.device_id, user)


def restore_backend(user: AbstractBaseUser, state: PendingLogin) -> None:
    """Log the user in through the authentication back end with which the login began."""
    if state.backend in settings.AUTHENTICATION_BACKENDS:
        user.backend = state.backend


def remember_backend(request: HttpRequest, state: PendingLogin) -> None:
    """Store the authentication back end of a session that is turned into a pending login."""
    state.backend = request.session.get(BACKEND_SESSION_KEY)
