"""The second factor of a login: whether it is due, how its answer is judged, how the login goes on behind it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY

from allauth_2fa import compat, events
from allauth_2fa.exceptions import LoginEnded
from allauth_2fa.factors import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django_otp.models import Device

    from allauth_2fa.models import Browser

    from .policy import Requirement
    from .purse import Purse

STOPPED_SESSION_KEY = "allauth_2fa_stopped"
"""Whose login or logged-in session the guard has stopped. What that user left in it is for nobody else, and what was written
while one user became another is for nobody at all (``OF_NOBODY``)."""

OF_NOBODY = ""
"""The key of no user."""

ENROLLMENT_KEY = "two_factor_enrollment"
"""The id of our other stage, at which a login waits for a device that the site requires."""

OUR_STAGES = (compat.STAGE_KEY, ENROLLMENT_KEY)

PENDING_SESSION_KEY = "allauth_2fa_user_id"
"""The name by which 0.x told that a second factor is pending. It is written for others and never read here."""


PAGE = "two-factor-authenticate"
"""The name of the page that asks for the second factor."""

ENROLLMENT_PAGE = "two-factor-enroll"
"""The name of the page that leads a login on to the user's first device."""


@dataclass(slots=True)
class Notes:
    """What this request has learnt about its login, from the stages to the adapter and the middleware."""

    login: compat.Login | None = None
    """The login that is running through the stages."""
    asked: bool = False
    """Our stage has found out in this request whether that login needs a second factor."""
    settled: bool = False
    """The stages have let that login pass; the guard need not look at it again. One look uses it up."""
    foreign_user: AbstractBaseUser | None = None
    """Whose session, logged in by another door, was turned into a half-finished login."""
    announced: bool = False
    """That login was caught at Django's signal, in the view that made it, and not in a later request."""
    shown: AbstractBaseUser | None = None
    """The user whom the request has shown so far."""
    counted_as_open: bool = False
    """The session's user lacks what the site requires, and was shown because the page seemed to be one that stays open."""
    ended: Any = None
    """The session that was over and has been emptied. allauth's headless API may put another one in its place."""
    page: str = PAGE
    """The name of the page on which that login is gone on with."""
    has_proved: bool = False
    """That login waits for another device, and has answered for one that its user holds."""
    requirement: Requirement | None = None
    """What the site asks of that login's user, or of the one whose session may not be shown on this page."""
    is_kept_out: bool = False
    """The session's user lacks what the site requires, and was not shown to the view."""
    look_again: Callable[[], None] = lambda: None
    """Has whoever asks for the user next see what is decided anew."""
    device: Device | None = None
    """The device that has just accepted the answer."""
    marked: bool | None = None
    """Whether the marker cookie has to be set (True) or taken away (False) with the response."""
    purse: Purse | None = None
    """What answers in this browser are taken from, as it was when the answer came."""
    let_in: list[Any] | None = None
    """By which trust in this browser that login was let pass without a second factor."""
    browser: Browser | None = None
    """The row of this browser, if its user has verified in this request and somebody has asked for it."""
    known_as: tuple[Any, str] | None = None
    """The user that has verified in this browser in this request, and the digest by which it is known from now on."""
    browser_cookie: str | None = None
    """What the cookie of this browser has to be from now on."""


def notes(request: HttpRequest) -> Notes:
    """Return the notes of this request, begun when first asked for."""
    found = getattr(request, "_allauth_2fa", None)
    if found is None:
        found = request._allauth_2fa = Notes()  # type: ignore[attr-defined]  # noqa: SLF001 - our own attribute
    return found


def take_settled(request: HttpRequest) -> bool:
    """Tell whether the stages have let pass the login that is announced now.

    It holds for that one, and for no other one that a view makes in the same request.
    """
    settled, notes(request).settled = notes(request).settled, False
    return settled


def is_bound(user: Any) -> bool:
    """Tell whether django-otp has bound the session to a device of the user's that still counts."""
    device = getattr(user, "otp_device", None)
    return device is not None and device.user_id == user.pk and bool(device.confirmed)


def is_verified_by_factor(user: Any) -> bool:
    """Tell whether the session is bound to a device that a login can wait for, which a recovery code is not."""
    factor = registry.factor_of(user.otp_device) if is_bound(user) else None
    return factor is not None and factor.primary


def is_due(user: AbstractBaseUser) -> bool:
    """Tell whether the project's adapter wants a second factor of this user (one query)."""
    wants = getattr(get_adapter(), "has_2fa_enabled", registry.has_primary)
    return bool(wants(user))


# The half-finished login


def hold(request: HttpRequest, login: compat.Login, state: dict[str, Any]) -> None:
    """Bind the login to the password as it is now, and mark it as waiting for a second factor."""
    user = login.user
    if user is None:
        raise LoginEnded
    bind(user, state)
    request.session[PENDING_SESSION_KEY] = str(user.pk)
    notes(request).marked = True


def bind(user: AbstractBaseUser, state: dict[str, Any]) -> None:
    """Let a login with this state of our stage end without a proof, or when the password has changed."""
    state["due"] = True
    state["password"] = user.get_session_auth_hash()


def release(request: HttpRequest) -> None:
    """Take away what marked the session as waiting."""
    request.session.pop(PENDING_SESSION_KEY, None)
    notes(request).marked = False


def cancel(request: HttpRequest) -> None:
    """End the half-finished login, if it waits at a stage of ours and nowhere else."""
    if compat.pending_stage_key(request) in OUR_STAGES:
        drop(request)
    release(request)


def drop(request: HttpRequest) -> None:
    """Forget the half-finished login; with the whole session, as a logout does, if somebody was logged in before."""
    if STOPPED_SESSION_KEY in request.session:
        request.session.flush()
    else:
        compat.clear_login(request)


def ensure_sound(stage: compat.LoginStage) -> AbstractBaseUser:
    """Return the user whose login waits at the stage.

    Raises:
        LoginEnded: the user was deleted or deactivated, or the password has changed since.
    """
    user = stage.login.user
    if user is None or not is_sound(user, stage.state):
        raise LoginEnded
    return user


def is_sound(user: AbstractBaseUser, state: dict[str, Any]) -> bool:
    """Tell whether the user is active and has the password that the login with this state of our stage began with."""
    return user.is_active and _same_password(user, state.get("password"))


def _same_password(user: AbstractBaseUser, bound: object) -> bool:
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return isinstance(bound, str) and any(hmac.compare_digest(bound.encode(), known.encode()) for known in hashes)


# Behind the answer


def note_proof(request: HttpRequest, user: AbstractBaseUser, device: Device, **facts: Any) -> None:
    """Record with allauth that the user has answered by this device, and announce it in the middle of a session.

    Args:
        request: whose session it is.
        user: who has answered.
        device: by which device.
        facts: what allauth's record is to hold besides: ``reauthenticated=True`` in the middle of a session.
    """
    factor = registry.factor_of(device)
    kind = factor.id if factor else device.model_label()
    compat.record(request, user, "mfa", id=device.pk, type=kind, **facts)
    if facts.get("reauthenticated"):
        events.announce("reauthenticated", user, request=request, device=device, factor=kind)


def complete(stage: compat.LoginStage, user: AbstractBaseUser, device: Device) -> HttpResponse:
    """Let the login go on behind the device that has accepted the answer, and return what it leads to."""
    factor = registry.factor_of(device)
    events.announce("challenge_passed", user, request=stage.request, device=device, factor=factor.id if factor else "")
    return go_on(stage, user, device)


def go_on(stage: compat.LoginStage, user: AbstractBaseUser, device: Device) -> HttpResponse:
    """Let the login go on behind a stage of ours, bound to the device, and return what it leads to."""
    note_proof(stage.request, user, device)
    # Kept with the login, not on the user: another stage may come in between, and re-reads the user.
    stage.state["device"] = device.persistent_id
    notes(stage.request).device = device
    release(stage.request)
    return stage.exit()


def passed_state(request: HttpRequest, user: AbstractBaseUser, key: str = compat.STAGE_KEY) -> dict[str, Any] | None:
    """Return our stage's state of the login that has just run through the stages, None if no such login is running."""
    login = notes(request).login
    if login is None or login.user is None or login.user.pk != user.pk:
        return None
    stage = login.state.get("stages", {}).get(key, {})
    return stage.get("data", {}) if stage.get("handled") else None


def owes_since(request: HttpRequest, user: AbstractBaseUser, state: dict[str, Any]) -> bool:
    """Return whether a login that our stage let pass in an earlier request needs a second factor by now.

    Args:
        request: in which the login comes out of the last stage.
        user: whose login it is, with the device that it has answered by, if any.
        state: our stage's state of it.
    """
    if notes(request).asked or is_bound(user) or state.get("trusted"):
        return False
    return is_due(user) or (not state.get("mfa") and compat.mfa_enabled_for(user))


def proving_device(request: HttpRequest, state: dict[str, Any], user: AbstractBaseUser) -> Device | None:
    """Return the device that answered, None if it is not the user's or not confirmed any more.

    In the request that judged the answer it is at hand; behind another stage it is loaded again.
    """
    device = notes(request).device
    if device is not None and device.persistent_id == state.get("device") and device.user_id == user.pk and device.confirmed:
        return device
    return registry.load(state.get("device"), user)


def restore_backend(user: AbstractBaseUser, state: dict[str, Any]) -> None:
    """Log the user in through the authentication back end of the door that they came by."""
    backend = state.get("backend")
    if backend in settings.AUTHENTICATION_BACKENDS:
        user.backend = backend


def remember_backend(request: HttpRequest, state: dict[str, Any]) -> None:
    """Keep the authentication back end of a session that is turned into a half-finished login."""
    state["backend"] = request.session.get(BACKEND_SESSION_KEY)
