"""Signing in by a passkey alone: both factors in one, if the authenticator has checked who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from allauth_2fa import compat
from allauth_2fa.audit import events
from allauth_2fa.devices import manage, passkeys
from allauth_2fa.exceptions import PasskeyNotVerified, PasskeyRefused, PasskeyUnknown
from allauth_2fa.sessions import verified
from allauth_2fa.state.pending import PendingLogin
from allauth_2fa.state.request import request_state
from allauth_2fa.state.session import visitor_state

from . import challenge, pending

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse

LOGIN = "passkey_login"
"""The purpose of a question that is put to a visitor."""


def ask(request: HttpRequest) -> dict[str, Any]:
    """Put a question to whichever passkey of the site's the visitor chooses, and return the options for the browser."""
    options, question = passkeys.factor_in_use().ask(passkeys.helper(request), None)
    passkeys.keep(visitor_state(request), LOGIN, None, question)
    return options


def log_in(request: HttpRequest, text: str, redirect_url: str | None) -> HttpResponse:
    """Log in by what the browser has handed over, through allauth's hooks and stages, and return what that leads to.

    Args:
        request: whose session keeps the question, and is to be logged in.
        text: the browser's JSON.
        redirect_url: where the login leads, None for where logins lead.

    Raises:
        PasskeyNotVerified: the authenticator has not checked who is there.
        PasskeyUnknown: no confirmed passkey has that id.
        PasskeyBehindPassword: it is not enrolled for this.
        NotAllowed: its owner may not answer by passkeys.
        Refused: the answer proves nothing; the exception says why.
    """
    from allauth_2fa.factors.ceremony import Assertion  # noqa: PLC0415 - it demands that django-otp-webauthn is installed

    question, _kept = passkeys.take(visitor_state(request), LOGIN, None)
    assertion = Assertion.read(text)
    if not assertion.user_verified:
        raise PasskeyNotVerified
    judge = passkeys.factor_in_use()
    device = judge.find(assertion)
    if device is None:
        if not judge.is_known(assertion):
            visitor_state(request).unknown_passkey = passkeys.base64(assertion.credential_id)
        raise PasskeyUnknown
    passkeys.judge_telling(request, device, assertion, question)
    judge.ensure_passwordless(device, assertion)
    # Checked first, as after a password: only whoever holds the passkey learns the rest.
    manage.ensure_allowed(device.user, device)
    return _perform(request, device, redirect_url)


def is_ours(text: str) -> bool:
    """Return whether the browser's JSON is of a passkey of this package, confirmed or not. What cannot be read is refused here, too."""
    from allauth_2fa.factors.ceremony import Assertion  # noqa: PLC0415 - it demands that django-otp-webauthn is installed

    try:
        return passkeys.factor_in_use().is_known(Assertion.read(text))
    except PasskeyRefused:
        return True


def _perform(request: HttpRequest, device: Any, redirect_url: str | None) -> HttpResponse:
    """Begin a login of the passkey's owner in which our stage finds the proof that it would ask for."""
    user = device.user
    login = compat.Login(user=user, redirect_url=redirect_url)
    data: dict[str, Any] = {}
    login.state["stages"] = {compat.STAGE_KEY: {"data": data}}
    state = PendingLogin(data)
    state.wait(user)
    state.prove_by_passkey(device, passkeys.microseconds(device.last_used_at))
    request_state(request).device = device
    verified.record_answer(request, user, device, passwordless=True)
    if user.is_active:
        # allauth turns the others away in a moment, and nobody has signed in.
        events.announce("challenge_passed", user, request=request, device=device, factor=manage.factor_id(device))
    return compat.resume(request, login, from_start=True)


def holds(request: HttpRequest, user: AbstractBaseUser, state: PendingLogin) -> bool:
    """Return whether the passkey that began the login still counts.

    It does in the request with its answer. After another stage, in a later request, it counts once, and only if it was not
    used elsewhere in between: a session that is sent again (a signed cookie) logs nobody in twice.
    """
    device: Any = challenge.proving_device(request, state, user)
    if device is None or not pending.is_sound(user, state):
        return False
    notes = request_state(request)
    if notes.device is device:
        return True
    used_at = passkeys.moment(state.passkey_used_at)
    mine = type(device).objects.filter(pk=device.pk, user_id=user.pk, confirmed=True, last_used_at=used_at)
    notes.device = device
    return bool(mine.update(last_used_at=max(timezone.now(), used_at + passkeys.MICROSECOND)))


def take_unknown(request: HttpRequest) -> str:
    """Return, once, the id of a passkey that was offered and does not exist here, empty if there was none."""
    state = visitor_state(request)
    unknown, state.unknown_passkey = state.unknown_passkey, ""
    return unknown
