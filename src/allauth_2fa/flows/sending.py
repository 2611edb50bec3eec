"""Codes that a device sends: on their way once, and bound to the place where they were asked for."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from django.utils.crypto import constant_time_compare, salted_hmac
from django_otp.models import Device

from allauth_2fa import compat, kept
from allauth_2fa.exceptions import NotDelivered, NothingEnrolled, NotSent, Refused, TooSoon
from allauth_2fa.factors import registry
from allauth_2fa.factors.generic import alone

from . import devices

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser

logger = logging.getLogger(__name__)

SENT = "allauth_2fa_sent"
"""Where the place of a challenge (the state of a login's stage, or a session) keeps what was sent: id to fingerprint."""


def sends(device: Device) -> bool:
    """Tell whether the device has to be asked to send a code before it can be answered for."""
    factor = registry.factor_of(device)
    return factor is not None and factor.is_interactive(device)


def send_first(user: AbstractBaseUser, place: MutableMapping[str, Any]) -> None:
    """Have the device that will be asked for first send its code, so that it arrives with the question.

    What cannot be sent now can be asked for on the page.
    """
    if not registry.may_send():
        return
    first, *_others = [*devices.offered(user), None]
    if first is not None and sends(first):
        with contextlib.suppress(Refused):
            send(user, first.persistent_id, place)


def send(user: AbstractBaseUser, device_id: str, place: MutableMapping[str, Any]) -> Device:
    """Have a device send its code, and note in ``place`` that it was asked for there.

    Args:
        user: whose device it is.
        device_id: the django-otp id of the device.
        place: the state of the login's stage, or a session; the caller sees to it that it is kept.

    Raises:
        NothingEnrolled: the user has no such device, or it sends nothing.
        NotAllowed: the user may not answer by it.
        TooSoon: it sent a code a short while ago.
        NotDelivered: the code did not get on its way.
    """
    device = registry.load(device_id, user)
    if device is None or not sends(device):
        raise NothingEnrolled
    devices.ensure_allowed(user, device)
    return _send_into(device, place)


def send_waiting(device: Device, place: MutableMapping[str, Any]) -> Device:
    """Have a device that waits to be confirmed send its code. See :func:`send`.

    However many devices a user begins to add, codes leave once in the time of ``allauth_2fa_send``: numbers and addresses
    that are typed here are other people's until the code comes back. While the cache is down in which that is counted, none do.
    """
    if not sends(device):
        raise NothingEnrolled
    ensure_may_send(device)
    if refusal := _too_many(f"adding/{device.user_id}", "allauth_2fa_add"):
        raise refusal
    return _send_into(device, place)


def ensure_may_send(device: Device) -> None:
    """Check that the device may send another code now.

    Raises:
        TooSoon: it sent one a short while ago.
    """
    factor = registry.factor_of(device)
    if factor is not None:
        factor.ensure_may_send(device)


def next_at(device: Device) -> datetime | None:
    """Return when the device may send another code, None if that is now, or not known."""
    try:
        ensure_may_send(device)
    except TooSoon as refusal:
        return refusal.until
    return None


def _send_into(device: Device, place: MutableMapping[str, Any]) -> Device:
    sent, refusal = _send(device)
    if refusal is not None:
        raise refusal
    place[SENT] = {**sent_in(place), sent.persistent_id: _fingerprint(sent)}
    return sent


def ensure_sent(device: Device, place: MutableMapping[str, Any] | None) -> None:
    """Check that what a device sent last was asked for in this place.

    Raises:
        NotSent: it was not, or another code has replaced it.
    """
    if sends(device) and not was_sent(device, sent_in(place)):
        raise NotSent


def _send(device: Device) -> tuple[Any, Refused | None]:
    """Send a code. It is made while nobody else can make one: of two who ask at once, the second meets the first one's cooldown."""
    with alone(device) as row:
        if row is None:
            return device, NothingEnrolled()
        refusal = _may_not_send(row) or _tried("make_code", row)
    return row, refusal or _tried("deliver", row)


def _may_not_send(row: Device) -> Refused | None:
    try:
        ensure_may_send(row)
    except TooSoon as refusal:
        return refusal
    return None if _has_cooldown(row) else _too_many(row.persistent_id)


def _too_many(*limit: str) -> Refused | None:
    """Count one more code that is sent, and return why it may not be. Where nobody can count, none leaves."""
    is_within = compat.may_send_again(*limit)
    if is_within is None:
        return NotDelivered()
    return None if is_within else TooSoon()


def _tried(step: str, row: Device) -> Refused | None:
    """Let the factor take that step of sending, and return why it could not."""
    try:
        getattr(registry.factor_of(row), step)(row)
    except Refused as refusal:
        return refusal
    except Exception as error:  # noqa: BLE001 - django-otp permits any, and asks callers to catch it
        # Its kind alone is logged: its text may hold the code.
        logger.error("A device of the kind %s could not send its code: %s", row.model_label(), type(error).__name__)  # noqa: TRY400
        return NotDelivered()
    return None


def _has_cooldown(device: Device) -> bool:
    """Tell whether the model itself limits how often a code is sent."""
    return type(device).generate_is_allowed is not Device.generate_is_allowed


def sent_in(place: MutableMapping[str, Any] | None) -> dict[str, Any]:
    """Return what was sent there. A session may hold anything."""
    noted = (place or {}).get(SENT)
    return noted if isinstance(noted, dict) else {}


def was_sent(device: Device, sent: dict[str, Any]) -> bool:
    """Tell whether the code that the device sent last is noted there."""
    noted = sent.get(device.persistent_id)
    return isinstance(noted, str) and constant_time_compare(noted, _fingerprint(device))


def _fingerprint(device: Device) -> str:
    """Return what tells one code that was sent from the next, without telling the code."""
    code = kept.at_rest(getattr(device, "token", None))
    return salted_hmac("allauth_2fa.sent", f"{device.persistent_id} {code}", algorithm="sha256").hexdigest()
