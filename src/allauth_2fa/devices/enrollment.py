"""Adding a device: begin, complete; and taking the second factor away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import django_otp
from allauth.core import context
from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.audit import events
from allauth_2fa.browsers import trust
from allauth_2fa.budget import charging, stored
from allauth_2fa.exceptions import EnrollmentEnded, NotAllowed, NothingEnrolled, Refused
from allauth_2fa.factors import lookup, registry
from allauth_2fa.factors.base import clean_answer
from allauth_2fa.models import DeviceOptions, lock_user
from allauth_2fa.sessions import checked, ending, reauthentication, verified
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

ONLY_AS_FIRST = "_allauth_2fa_only_as_first"
"""What a device bears that this request may confirm as the user's first one only."""

ENDED_SESSIONS = "_allauth_2fa_ended_sessions"
"""What a device bears that has just become the first one: the moment before which the user's sessions are over."""


def waiting(user: AbstractBaseUser) -> TOTPDevice | None:
    """Return the authenticator app that waits to be confirmed (one query)."""
    return _of(user, registry.totp.model.objects.filter(user_id=user.pk, confirmed=False).order_by("pk").first())


def _of(user: AbstractBaseUser, device: Any) -> Any:
    """Return the user's device, if there is one, with its user at hand: events name the user."""
    if device is not None:
        device.user = user
    return device


def begin(request: HttpRequest, user: AbstractBaseUser, *, anew: bool = False) -> tuple[TOTPDevice, bool]:
    """Return the one device that waits to be confirmed, made if there is none, and whether its secret is a new one.

    The secret stays until it is used, within one session. Another session of the same user gets another secret: whoever
    knew the password before the second factor was set up may have looked at the old one.

    Args:
        request: whose session has been shown the secret, or will be.
        user: whose device it is.
        anew: the visitor asked for another secret.

    Raises:
        EnrollmentEnded: another request has confirmed or removed the device just now.
    """
    found = list(registry.totp.model.objects.filter(user_id=user.pk).order_by("pk"))
    if any(device.confirmed for device in found):
        raise EnrollmentEnded
    device = found[0] if found else registry.totp.begin(user)
    if len(found) > 1:
        with transaction.atomic():
            # Django looks for them first. None of them is confirmed in between.
            lock_user(user.pk)
            deletion.delete(registry.totp.model.objects.filter(pk__in=[extra.pk for extra in found[1:]], confirmed=False))
    state = session_state(request, user)
    is_new = not found or anew or state.shown_secret != _fingerprint(device)
    if is_new and found:
        try:
            registry.totp.replace_secret(device)
        except NothingEnrolled:
            raise EnrollmentEnded from None
    if is_new:
        state.shown_secret = _fingerprint(device)
    return device, is_new


def _fingerprint(device: Device) -> str:
    """Return what tells one secret from another without telling the secret: sessions may be readable cookies."""
    return salted_hmac(SALT, getattr(device, "key", device.persistent_id), algorithm="sha256").hexdigest()


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
    only_as_first(request, user, device)
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
    only_as_first(request, user, device)
    return _of(user, device)


def forget_another(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Let the session add another device instead."""
    session_state(request, user).adding = None


@sensitive_variables("text")
def check(user: AbstractBaseUser, text: str) -> TOTPDevice:
    """Return the waiting app if the code belongs to its secret. Nothing is written.

    Raises:
        EnrollmentEnded: no device is waiting, or its secret cannot be read.
        ClockWrong: the code is right for another moment.
        Refused: the code does not belong to the secret.
    """
    device = waiting(user)
    if device is None:
        raise EnrollmentEnded
    try:
        registry.totp.check(device, registry.totp.filled(device, clean_answer(text)))
    except NothingEnrolled:
        raise EnrollmentEnded from None
    return device


@sensitive_variables("text", "guess")
def complete(device: Device, text: str, store: ChallengeStore | None = None, actor: AbstractBaseUser | None = None) -> None:
    """Confirm the device by the code, which counts as used. With the user's first factor, every session of theirs ends.

    Args:
        device: one that waits to be confirmed.
        text: what was typed.
        store: where it is kept which code was sent, for a device that sends its codes.
        actor: who does it, if it is not the owner.

    Raises:
        EnrollmentEnded: the device was confirmed, replaced or removed meanwhile.
        NoRoom: the user holds as many devices as there may be.
        Refused: the code does not belong to the device.
    """
    store = store or ChallengeStore({})
    if not sending.sends(device):
        _complete(device, text, store, actor)
        return
    # Whoever adds a device that is sent its codes may be guessing at one that was sent to somebody else.
    request = context.request
    guess = charging.Guess(partial(_complete, device, text, store, actor))
    charging.judge(device.user, request, stored.budget_of(device.user, request), guess)


@sensitive_variables("text")
def _complete(device: Device, text: str, store: ChallengeStore, actor: AbstractBaseUser | None) -> None:
    refusal = _tried(device, text, store, actor)
    # Outside of the transaction: inside, the refusal would take back the throttling that it has just caused.
    if isinstance(refusal, NothingEnrolled):
        raise EnrollmentEnded from None
    if refusal is not None:
        raise refusal


@sensitive_variables("text")
def _tried(device: Device, text: str, store: ChallengeStore, actor: AbstractBaseUser | None) -> Refused | None:
    factor = registry.factor_of(device)
    if factor is None:
        return NothingEnrolled()
    with transaction.atomic():
        lock_user(device.user_id)
        try:
            held = manage.ensure_room(device.user_id)
            if held and getattr(device, ONLY_AS_FIRST, False):
                return NothingEnrolled()
            if not sending.is_waiting(device):
                return NothingEnrolled()
            sending.bind([device], store)
            sending.ensure_sent(device)
            factor.complete(device, factor.filled(device, clean_answer(text)))
        except Refused as refusal:
            return refusal
        if not held:
            setattr(device, ENDED_SESSIONS, ending.invalidate(device.user_id))
        events.announce("device_added", device.user, actor=actor, device=device, factor=factor.id)
    return None


def only_as_first(request: HttpRequest, user: AbstractBaseUser, device: Device) -> None:
    """Let the device be confirmed as the user's first one alone, unless this session has proved a factor.

    The page has found that the user has none. Until the code comes, another session may set one up, and then the password
    is not enough any more.
    """
    if not has_proved(request, user):
        setattr(device, ONLY_AS_FIRST, True)


def has_proved(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether the session, or the login that waits in it, has answered for a factor, so that it may add another one."""
    return request_state(request).has_proved or reauthentication.is_fresh(request, user, has_factor=True)


def verify_session(request: HttpRequest, user: AbstractBaseUser, device: Device) -> bool:
    """Make the session that has added the device a verified one, under a new key.

    Returns:
        Whether this is the user's first factor. Recovery codes are promised then: the page that shows them makes them.
    """
    before = getattr(device, ENDED_SESSIONS, None)
    is_first = before is not None or lookup.count_primary(user.pk) == 1
    forget_shown(request, user)
    if is_first:
        SessionState(request.session, user).codes_pending = True
        ending.end_others(request, user, "enrollment", before=before)
    else:
        request.session.cycle_key()
    django_otp.login(request, device)
    verified.record_answer(request, user, device)
    charging.note_verified(request, user, device)
    return is_first


def forget_shown(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Forget which devices the session has been shown, once one of them is confirmed."""
    session_state(request, user).clear_enrollment()


def remove(user: AbstractBaseUser, actor: AbstractBaseUser | None = None) -> datetime:
    """Take the second factor away: the devices, confirmed or waiting, and what stood in for them.

    Every session of the user's ends; :func:`keep_session` lets that of the request go on.

    Args:
        user: whose it is.
        actor: who does it, if it is not the user.

    Returns:
        The moment before which the user's sessions are over.
    """
    with transaction.atomic():
        lock_user(user.pk)
        DeviceOptions.objects.filter(user_id=user.pk).delete()
        trust.invalidate(user.pk)
        for factor in registry.factors():
            # First the devices, then what hangs on them, in the order in which an answer takes them.
            mine = factor.model.objects.filter(user_id=user.pk)
            if mine.update(confirmed=False):
                deletion.delete(mine.all())
        before = ending.invalidate(user.pk)
        events.announce("two_factor_off", user, actor=actor)
    return before


def keep_session(request: HttpRequest, user: AbstractBaseUser, before: datetime | None) -> None:
    """Make the session that has removed the second factor an ordinary one, under a new key.

    Args:
        request: whose session it is.
        user: who is logged in in it.
        before: the moment before which the user's sessions are over, None if the removal has not ended them.
    """
    request.session.pop(django_otp.DEVICE_ID_SESSION_KEY, None)
    state = SessionState(request.session, user)
    state.clear_enrollment()
    state.codes_pending, state.met = False, None
    ending.end_others(request, user, "removal", before=before)
    checked.remember(request, user)
