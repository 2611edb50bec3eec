"""Codes that a device sends: on their way once, and bound to the place where they were asked for.

Whoever knows the password may have codes sent as well. They void no code of the owner's, since each belongs to the login that
has asked for it, and take no time from the browsers in which the owner has verified, since each of those has its own.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django_otp.models import Device

from allauth_2fa import compat
from allauth_2fa.budget import stored
from allauth_2fa.exceptions import NotDelivered, NothingEnrolled, NotSent, Refused, SendsNoCodes, TooSoon
from allauth_2fa.factors import lookup, registry
from allauth_2fa.factors.asked import ASKED, asked
from allauth_2fa.factors.generic import alone
from allauth_2fa.models import lock_user
from allauth_2fa.models.sent_codes import SentCode

from . import manage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

    from allauth_2fa.state.store import ChallengeStore

logger = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9_-]{24}")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

IN_ONE = ((20, HOUR), (50, DAY))
"""How many codes a device sends for one known browser at the most, and for all new ones together."""

IN_KNOWN = ((40, HOUR), (100, DAY))
"""How many it sends for all known browsers together, which somebody may have made many of. With those for new ones there
are never more than 60 in an hour, and 150 in a day."""


def sends(device: Device) -> bool:
    """Return whether the device has to be asked to send a code before it can be answered for."""
    factor = registry.factor_of(device)
    return factor is not None and factor.is_interactive(device)


def send_first(request: HttpRequest, user: AbstractBaseUser, store: ChallengeStore) -> None:
    """Have the device that will be asked for first send its code, so that it arrives with the question.

    What cannot be sent now can be asked for on the page.
    """
    if not registry.may_send():
        return
    those = lookup.to_look_at(user)
    if not any(factor.sends_codes for factor in those):
        return
    first, *_others = [*manage.offered(user, those), None]
    if first is not None and sends(first):
        with contextlib.suppress(Refused):
            send(request, user, first.persistent_id, store)


def send(request: HttpRequest | None, user: AbstractBaseUser, device_id: str, store: ChallengeStore) -> Device:
    """Have a device send its code, and note in ``store`` that it was asked for there.

    Args:
        request: in which somebody asks for it; None for a browser that is not known.
        user: whose device it is.
        device_id: the django-otp id of the device.
        store: where the challenge keeps it; the caller sees to it that it is stored.

    Raises:
        NothingEnrolled: the user has no such device.
        SendsNoCodes: the device shows its codes itself.
        NotAllowed: the user may not answer by it.
        TooSoon: it sent a code a short while ago.
        NotDelivered: the code did not get on its way.
    """
    device = lookup.load(device_id, user)
    if device is None:
        raise NothingEnrolled
    if not sends(device):
        raise SendsNoCodes
    manage.ensure_allowed(user, device)
    return _send_into(request, device, store)


def send_waiting(device: Device, store: ChallengeStore) -> Device:
    """Have a device that waits to be confirmed send its code. See :func:`send`.

    However many devices a user begins to add, codes leave once in the time of ``allauth_2fa_send``: numbers and addresses
    that are typed here are other people's until the code comes back. While the cache is down in which that is counted, none do.
    """
    if not sends(device):
        raise SendsNoCodes
    ensure_may_send(device)
    if refusal := _too_many(f"adding/{device.user_id}", "allauth_2fa_add"):
        raise refusal
    return _send_into(None, device, store)


def ensure_may_send(device: Device) -> None:
    """Check that the device may send another code now.

    Raises:
        TooSoon: it sent one a short while ago.
        NothingEnrolled: its factor is off.
    """
    registry.factor_in_use(device).ensure_may_send(device)


def next_at(request: HttpRequest | None, device: Device) -> datetime | None:
    """Return when the device may send another code in this browser, None if that is now, or not known."""
    if not sends(device):
        return None
    refusal = _is_too_soon(copy.copy(device), _here(request, device), SentCode.last_day(device))
    return refusal.until if refusal else None


def _send_into(request: HttpRequest | None, device: Device, store: ChallengeStore) -> Device:
    sent, refusal = _send(request, device)
    if refusal is not None:
        raise refusal
    store.note_sent(sent.persistent_id, getattr(sent, ASKED).name)
    return sent


def ensure_sent(device: Device) -> None:
    """Check that the device has sent a code that was asked for in the store that :func:`bind` has looked at.

    Raises:
        NotSent: it has not, or another one has replaced that code there, or it has been used.
    """
    if sends(device) and asked(device) is None:
        raise NotSent


def take_first(device: Device, store: ChallengeStore) -> None:
    """Let a device that waits for its first code know the one that was asked for in this store (no query if it sends none).

    Raises:
        NothingEnrolled: the device waits no longer.
        NotSent: it has sent no code that was asked for there.
    """
    if not sends(device):
        return
    if not type(device)._base_manager.filter(pk=device.pk, user_id=device.user_id, confirmed=False).exists():
        raise NothingEnrolled
    bind([device], store)
    ensure_sent(device)


def _send(request: HttpRequest | None, device: Device) -> tuple[Any, Refused | None]:
    """Send a code. It is made while nobody else can make one: of two who ask at once, the second meets the first one's cooldown."""
    here = _here(request, device)
    with contextlib.nullcontext() if device.confirmed else _user_locked(device), alone(device) as row:
        if row is None:
            return device, NothingEnrolled()
        sent = SentCode.last_day(row)
        SentCode.note_use_elsewhere(row, sent)
        if refusal := _may_not_send(row, here, sent):
            return row, refusal
        refusal = _tried("make_code", row)
        setattr(row, ASKED, None if refusal else SentCode.note(row, here))
    if refusal:
        # Outside of the transaction, which what was raised may have broken. The user may be gone by now.
        with contextlib.suppress(IntegrityError), transaction.atomic():
            SentCode.note(row, here, is_usable=False)
    SentCode.prune()
    return row, refusal or _tried("deliver", row)


@contextlib.contextmanager
def _user_locked(device: Device) -> Iterator[None]:
    """Lock the user before a device that is being added, as whoever begins another one instead does.

    The note of a code refers to the user, which takes a lock as well. In the other order the two would wait for each other.
    """
    with transaction.atomic():
        lock_user(device.user_id)
        yield


def _may_not_send(row: Device, here: int | None, sent: Sequence[SentCode]) -> Refused | None:
    if refusal := _is_too_soon(row, here, sent):
        return refusal
    return None if _has_cooldown(row) else _too_many(row.persistent_id if here is None else f"{row.persistent_id}@{here}")


# How often


def _here(request: HttpRequest | None, device: Device) -> int | None:
    """Return the key of this browser if the device's user has verified in it, None for a new one.

    While a device is being added there is one cooldown for all: it is not known yet whom its codes go to.
    """
    if not device.confirmed:
        return None
    budget = stored.budget_for(device.user_id, request, [device])
    return budget.pk if budget.is_known else None


def _is_too_soon(row: Device, here: int | None, sent: Sequence[SentCode]) -> TooSoon | None:
    """Return why the device may send no code for this browser now, None if it may. It changes the row in memory.

    Args:
        row: the device.
        here: the key of this browser, None for a new one.
        sent: the device's codes of the last day.
    """
    if row.confirmed:
        _show_as_here(row, [code for code in sent if code.browser == here])
    try:
        ensure_may_send(row)
    except TooSoon as refusal:
        return refusal
    full = _full_until((code for code in sent if code.browser == here), IN_ONE)
    if here is not None:
        full += _full_until((code for code in sent if code.browser is not None), IN_KNOWN)
    return TooSoon(max(full)) if full else None


def _show_as_here(row: Any, sent: Sequence[SentCode]) -> None:
    """Let the row say that it has sent a code last when it did so for this browser. Nothing is written.

    Where it says that it has sent none, its cooldown was reset (django-otp's ``cooldown_reset``), or its code was used.
    """
    last = sent[-1] if sent else None
    if getattr(row, "last_generated_timestamp", None) is not None:
        row.last_generated_timestamp = last.created_at if last else None
    if getattr(row, "token", None):
        row.token, row.valid_until = (row.token, last.expires_at) if last else (None, row.valid_until)


def _full_until(sent: Iterable[SentCode], limits: Sequence[tuple[int, timedelta]]) -> list[datetime]:
    """Return for each of the limits that is reached when there is room in it again."""
    times, now = [code.created_at for code in sent], timezone.now()
    return [times[-most] + window for most, window in limits if len(times) >= most and times[-most] + window > now]


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
        logger.error("A device of the kind %s could not send its code: %s", row.model_label(), type(error).__name__)
        return NotDelivered()
    return None


def _has_cooldown(device: Device) -> bool:
    """Return whether the model itself limits how often a code is sent."""
    return type(device).generate_is_allowed is not Device.generate_is_allowed


def is_noted(device: Device, store: ChallengeStore) -> bool:
    """Return whether a code of the device was asked for there."""
    return device.persistent_id in store.sent


def bind(those: Iterable[Device], store: ChallengeStore) -> None:
    """Let each of the devices that sends codes know the one that was asked for in this store (one query, none without any).

    Its answer is compared with that one, and with no other login's.
    """
    noted, senders = store.sent, [device for device in those if sends(device)]
    names = {device.persistent_id: noted.get(device.persistent_id) for device in senders}
    wanted = [name for name in names.values() if isinstance(name, str) and NAME.fullmatch(name)]
    found = {code.name: code for code in SentCode.objects.filter(name__in=wanted, used_at=None)} if wanted else {}
    for device in senders:
        code = found.get(str(names[device.persistent_id]))
        is_its_own = code is not None and (code.device, code.user_id) == (device.persistent_id, device.user_id)
        setattr(device, ASKED, code if is_its_own else None)
