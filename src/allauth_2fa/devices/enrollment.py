"""Adding a device: it is begun, and completed by its first code."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import django_otp
from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.audit import events
from allauth_2fa.budget import charging, stored
from allauth_2fa.exceptions import EnrollmentEnded, NotAllowed, NothingEnrolled, Refused
from allauth_2fa.factors import lookup, registry
from allauth_2fa.factors.base import clean_answer
from allauth_2fa.models import lock_user
from allauth_2fa.sessions import ending, keys, reauthentication, verified
from allauth_2fa.state.request import request_state
from allauth_2fa.state.session import SessionState, session_state
from allauth_2fa.state.store import ChallengeStore

from . import deletion, manage, sending

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device
    from django_otp.plugins.otp_totp.models import TOTPDevice

    from allauth_2fa.factors.base import Factor

SALT = "allauth_2fa_setup"
"""Keeps the fingerprints of this module apart from others that are made with the site's secret key."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What has become of an enrollment."""

    device: Device
    """The device, which is confirmed now."""
    is_first: bool
    """Whether it is the user's first one that a login waits for."""
    sessions_ended: datetime | None = None
    """The moment before which the user's sessions are over, None if they were not ended."""


def found(device: Device) -> Enrolled:
    """Return the same for a device that a form of the project's own has confirmed in its own way (one query)."""
    return Enrolled(device, is_first=lookup.count_primary(device.user_id) == 1)


# The first authenticator app


def apps_of(user: AbstractBaseUser) -> list[TOTPDevice]:
    """Return the user's authenticator apps, confirmed ones and those that wait to be confirmed (one query)."""
    return [_of(user, device) for device in registry.totp.model.objects.filter(user_id=user.pk).order_by("pk")]


def waiting(user: AbstractBaseUser) -> TOTPDevice:
    """Return the authenticator app that waits to be confirmed (one query).

    Raises:
        EnrollmentEnded: there is none.
    """
    device = next((device for device in apps_of(user) if not device.confirmed), None)
    if device is None:
        raise EnrollmentEnded
    return device


def _of(user: AbstractBaseUser, device: Any) -> Any:
    """Return the user's device with its user at hand: events name the user."""
    device.user = user
    return device


@dataclass(frozen=True, slots=True)
class Begun:
    """An authenticator app that waits to be confirmed."""

    device: TOTPDevice
    is_new: bool
    """Whether its secret is one that the session has not been shown yet."""
    only_as_first: bool
    """Whether it may be confirmed only if the user has no other device (see :func:`has_proved`)."""


def begin(request: HttpRequest, user: AbstractBaseUser, apps: list[TOTPDevice], *, new_secret: bool = False) -> Begun:
    """Return the one device that waits to be confirmed, made if there is none.

    The secret stays until it is used, within one session. Another session of the same user gets another secret: whoever
    knew the password before the second factor was set up may have looked at the old one.

    Args:
        request: whose session has been shown the secret, or will be.
        user: whose device it is.
        apps: the user's authenticator apps (:func:`apps_of`).
        new_secret: the visitor asked for another secret.

    Raises:
        EnrollmentEnded: one of the apps is confirmed, or another request has confirmed or removed the device just now.
    """
    if any(device.confirmed for device in apps):
        raise EnrollmentEnded
    device = apps[0] if apps else _of(user, registry.totp.begin(user))
    if len(apps) > 1:
        with transaction.atomic():
            # Django looks for them first. None of them is confirmed in between.
            lock_user(user.pk)
            deletion.delete(registry.totp.model.objects.filter(pk__in=[extra.pk for extra in apps[1:]], confirmed=False))
    state = session_state(request, user)
    is_new = not apps or new_secret or state.shown_secret != _fingerprint(device)
    if is_new and apps:
        try:
            registry.totp.replace_secret(device)
        except NothingEnrolled:
            raise EnrollmentEnded from None
    if is_new:
        state.shown_secret = _fingerprint(device)
    return Begun(device, is_new, only_as_first=not has_proved(request, user))


def _fingerprint(device: Device) -> str:
    """Return what tells one secret from another without telling the secret: sessions may be readable cookies."""
    return salted_hmac(SALT, getattr(device, "key", device.persistent_id), algorithm="sha256").hexdigest()


@sensitive_variables("text")
def check(device: TOTPDevice, text: str) -> None:
    """Check that the code belongs to the secret of the app that waits. Nothing is written.

    Raises:
        EnrollmentEnded: the secret cannot be read.
        ClockWrong: the code is right for another moment.
        Refused: the code does not belong to the secret.
    """
    try:
        registry.totp.check(device, registry.totp.filled(device, clean_answer(text)))
    except NothingEnrolled:
        raise EnrollmentEnded from None


# Any further device, of any factor


def begin_another(request: HttpRequest, user: AbstractBaseUser, factor: Factor, **facts: Any) -> Device:
    """Create a device that waits to be confirmed by this session alone, instead of those that waited before.

    Args:
        request: whose session adds the device.
        user: whose device it is.
        factor: of which kind.
        facts: what the user filled in, by the names of ``factor.asks``.

    Raises:
        NotAllowed: the user may not answer by that factor.
        TooSoon: the user's waiting device has sent a code a short while ago; another number or address has to wait.
        Refused: what was filled in cannot be used.
    """
    if not manage.is_allowed(user, factor):
        raise NotAllowed
    with transaction.atomic():
        lock_user(user.pk)
        waiting = factor.model._default_manager.filter(user_id=user.pk, confirmed=False)
        # Locked: what is sending a code just now has sent it when this is read.
        for device in waiting.select_for_update():
            if factor.asks:
                factor.ensure_may_send(device)
            deletion.delete(device)
        device = factor.begin(user, **facts)
    session_state(request, user).adding = (device.persistent_id, _fingerprint(device))
    return device


def another(request: HttpRequest, user: AbstractBaseUser, factor: Factor) -> Device | None:
    """Return the device of that factor that this session is adding, None if there is none (any more)."""
    adding = session_state(request, user).adding
    if adding is None:
        return None
    waiting = factor.model._default_manager.filter(user_id=user.pk, confirmed=False)
    device = next((device for device in waiting if device.persistent_id == adding[0]), None)
    if device is None or not constant_time_compare(_fingerprint(device), adding[1]):
        return None
    return _of(user, device)


def forget_another(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Let the session add another device instead."""
    session_state(request, user).adding = None


# The first code


def has_proved(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether the session, or the login that waits in it, has answered for a factor, so that it may add another one.

    If it has not, the page has found that the user has none, and the device may be confirmed as the first one only. Until
    the code comes, another session may set one up, and then the password is not enough any more.
    """
    return request_state(request).has_proved or reauthentication.is_fresh(request, user, has_factor=True)


@dataclass(frozen=True, slots=True)
class FirstCode:
    """The code by which a device is confirmed, and where it comes from."""

    text: str = field(repr=False)
    """What was typed."""
    store: ChallengeStore = field(default_factory=lambda: ChallengeStore({}))
    """Where it is kept which code was sent, for a device that sends its codes."""
    request: HttpRequest | None = None
    """In which the code came, for such a device; None for a browser that is not known."""


@sensitive_variables("code", "attempt")
def complete(device: Device, code: FirstCode, *, only_as_first: bool, actor: AbstractBaseUser | None = None) -> Enrolled:
    """Confirm the device by the code, which counts as used. With the user's first factor, every session of theirs ends.

    Args:
        device: one that waits to be confirmed.
        code: what was typed.
        only_as_first: whether it may be confirmed only if the user has no other one (see :func:`has_proved`).
        actor: who does it, if it is not the owner.

    Raises:
        EnrollmentEnded: the device was confirmed, replaced or removed meanwhile, or the user has got a first factor.
        NoRoom: the user holds as many devices as there may be.
        Refused: the code does not belong to the device.
    """
    attempt = partial(_complete, device, code, only_as_first=only_as_first, actor=actor)
    if not sending.sends(device):
        return attempt()
    # Whoever adds a device that is sent its codes may be guessing at one that was sent to somebody else.
    enrolled: list[Enrolled] = []
    guess = charging.Guess(lambda: enrolled.append(attempt()))
    charging.judge(device.user, code.request, stored.budget_of(device.user, code.request), guess)
    return enrolled[0]


@sensitive_variables("code")
def _complete(device: Device, code: FirstCode, *, only_as_first: bool, actor: AbstractBaseUser | None) -> Enrolled:
    with transaction.atomic():
        lock_user(device.user_id)
        refusal, held = _tried(device, code, only_as_first=only_as_first)
        if refusal is None:
            sessions_ended = None if held else ending.invalidate(device.user)
            events.announce("device_added", device.user, actor=actor, device=device, factor=manage.factor_id(device))
    # Outside of the transaction: inside, the refusal would take back the throttling that it has just caused.
    if isinstance(refusal, NothingEnrolled):
        raise EnrollmentEnded from None
    if refusal is not None:
        raise refusal
    return Enrolled(device, is_first=not held, sessions_ended=sessions_ended)


@sensitive_variables("code")
def _tried(device: Device, code: FirstCode, *, only_as_first: bool) -> tuple[Refused | None, int]:
    """Confirm the device. Return why that was refused, if it was, and how many devices the user held before."""
    held = 0
    try:
        factor = registry.factor_in_use(device)
        held = manage.ensure_room(device.user_id)
        if held and only_as_first:
            return NothingEnrolled(), held
        sending.take_first(device, code.store)
        factor.complete(device, factor.filled(device, clean_answer(code.text)))
    except Refused as refusal:
        return refusal, held
    return None, held


def verify_session(request: HttpRequest, user: AbstractBaseUser, enrolled: Enrolled) -> None:
    """Make the session that has added the device a verified one, under a new key.

    With the user's first factor, recovery codes are promised: the page that shows them makes them.
    """
    forget_shown(request, user)
    if enrolled.is_first:
        SessionState(request.session, user).codes_pending = True
        ending.end_others(request, user, "enrollment", before=enrolled.sessions_ended)
    else:
        keys.renew_listed(request)
    django_otp.login(request, enrolled.device)
    verified.record_answer(request, user, enrolled.device)
    charging.note_verified(request, user, enrolled.device)


def forget_shown(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Forget which devices the session has been shown, once one of them is confirmed."""
    session_state(request, user).clear_enrollment()
