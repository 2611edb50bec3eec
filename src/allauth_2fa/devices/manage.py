"""What a user holds: naming devices, preferring one, removing one, and how many there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.db import transaction

from allauth_2fa import app_settings
from allauth_2fa.audit import events
from allauth_2fa.browsers import trust
from allauth_2fa.exceptions import NoRoom, NotAllowed, NothingEnrolled, StillRequired
from allauth_2fa.factors import lookup, registry
from allauth_2fa.models import DeviceOptions, lock_user
from allauth_2fa.requirement import policy
from allauth_2fa.sessions import ending

from . import deletion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

    from allauth_2fa.factors.base import Factor
    from allauth_2fa.statements import Fact


def find(user: AbstractBaseUser, device_id: str) -> Device:
    """Return the user's confirmed device of that django-otp id.

    Raises:
        NothingEnrolled: the user has no such device, whoever else has it, or it stands in for a factor and is none.
    """
    device = lookup.load(device_id, user)
    factor = registry.factor_of(device) if device else None
    if device is None or factor is None or not factor.primary:
        raise NothingEnrolled
    device.user = user
    return device


def name(device: Device, text: str) -> None:
    """Give the device the name that its owner knows it by. Nothing depends on it."""
    type(device).objects.filter(pk=device.pk, user_id=device.user_id).update(name=text)
    device.name = text


def rename(device: Device, text: str, actor: AbstractBaseUser | None = None) -> None:
    """Give the device another name, and announce it, if it protects anything.

    Args:
        device: whose owner is at hand, or read.
        text: the new name.
        actor: who did it, if it was not the owner.
    """
    was = device.name
    with transaction.atomic():
        name(device, text)
        if not device.confirmed:
            return
        events.announce("device_renamed", device.user, actor=actor, device=device, factor=factor_id(device), was=was)


def factor_id(device: Device) -> str:
    """Return the id of the factor whose device this is, empty if that is off."""
    factor = registry.factor_of(device)
    return factor.id if factor else ""


def prefer(device: Device) -> None:
    """Let the owner be asked for this device first, whichever was used last."""
    with transaction.atomic():
        lock_user(device.user_id)
        DeviceOptions.objects.filter(user_id=device.user_id, preferred=True).update(preferred=False)
        DeviceOptions.write(device, preferred=True)


def forget_preference(user: AbstractBaseUser) -> None:
    """Let the user be asked for the device that was used last."""
    DeviceOptions.objects.filter(user_id=user.pk, preferred=True).update(preferred=False)


def remove(device: Device) -> bool:
    """Remove the device, unless it is the user's last one, and return whether it is gone.

    To remove the last one is to turn the second factor off, with what stands in for it (:func:`.turn_off.remove_all`).

    Raises:
        StillRequired: the site requires a second factor of the user, and this is the last one that satisfies it.
    """
    with transaction.atomic():
        lock_user(device.user_id)
        is_needed = not policy.may_remove(device)
        is_last = lookup.count_primary(device.user_id) <= 1
        if not (is_needed or is_last):
            _delete(device, None)
    if is_needed:
        raise StillRequired
    return not is_last


def withdraw(device: Device, actor: AbstractBaseUser) -> None:
    """Remove whichever device of a user's, the last one and one of recovery codes too, as support does.

    With the last one, every session of the user's ends.
    """
    with transaction.atomic():
        lock_user(device.user_id)
        had_factor = lookup.count_primary(device.user_id) > 0
        _delete(device, actor)
        if had_factor and not lookup.count_primary(device.user_id):
            events.announce("two_factor_off", device.user, actor=actor)
            ending.end_all(device.user, "support", actor=actor)


def _delete(device: Device, actor: AbstractBaseUser | None) -> None:
    """Delete the device and what is noted of it, and announce it. One that was never confirmed has protected nothing."""
    forget(device)
    key = device.pk
    # The device itself and no query for it: Django would look for it once more, to tell receivers what is deleted.
    gone = deletion.delete(device)
    device.pk = key
    if gone and device.confirmed:
        announce_removed(device, actor)


def forget(device: Device) -> None:
    """Forget what is noted of a device that is removed, and end the trust that it may have given."""
    DeviceOptions.objects.filter(user_id=device.user_id, device=device.persistent_id).delete()
    trust.invalidate(device.user_id)


def announce_removed(device: Device, actor: AbstractBaseUser | None) -> None:
    """Announce that the device is removed."""
    events.announce("device_removed", device.user, actor=actor, device=device, factor=factor_id(device))


def ensure_room(user_id: object) -> int:
    """Check that the user of that key may add a device, and return how many there are.

    It holds for as long as the caller has the user's turn.

    Raises:
        NoRoom: there are ``ALLAUTH_2FA_MAX_DEVICES`` already.
    """
    held = lookup.count_primary(user_id)
    if held >= app_settings.MAX_DEVICES:
        raise NoRoom
    return held


def addable(user: AbstractBaseUser | None = None) -> Sequence[Factor]:
    """Return the factors of which users, or this one, can add a device without anybody's help."""
    return [factor for factor in registry.factors() if factor.is_addable() and (user is None or is_allowed(user, factor))]


def is_allowed(user: AbstractBaseUser, factor: Factor) -> bool:
    """Return whether the project's adapter permits this user to answer by that factor."""
    allows = getattr(get_adapter(), "is_factor_allowed", None)
    return allows is None or bool(allows(user, factor.id))


def ensure_allowed(user: AbstractBaseUser, device: Device) -> None:
    """Check that the user may answer by the device.

    Raises:
        NotAllowed: the project's adapter does not permit it. A login still waits for such devices: whoever has
            nothing else cannot log in without a second factor.
    """
    factor = registry.factor_of(device)
    if factor is not None and not is_allowed(user, factor):
        raise NotAllowed


def offered(user: AbstractBaseUser, those: Sequence[Factor] | None = None, **facts: Fact) -> list[Any]:
    """Return the devices that the user may answer by, the preferred one and then the last used one first.

    Where none of them is permitted they are all returned, and each of them says so when it is tried. The arguments are those
    of :func:`lookup.primary_devices`.
    """
    held = lookup.primary_devices(user, those, **facts)
    kinds = {factor for factor in registry.primaries() if is_allowed(user, factor)}
    return [device for device in held if registry.factor_of(device) in kinds] or held


def called(device: Any) -> str:
    """Return what a device is called in one line: its name and what identifies it, or else what kind it is.

    What identifies it is a number or an address, which is read from left to right wherever it stands.
    """
    factor = registry.factor_of(device)
    detail = factor.detail(device) if factor else ""
    isolated = f"\u2066{detail}\u2069" if detail else ""
    if device.name:
        return f"{device.name} ({isolated})" if detail else device.name
    return isolated or (str(factor.label) if factor else "")


def described(device: Any) -> dict[str, Any]:
    """Return what pages say of a device. Whether it is preferred is known of those that ``lookup.primary_devices`` gave."""
    factor = registry.factor_of(device)
    return {
        "id": device.persistent_id,
        "name": device.name,
        "label": factor.label if factor else "",
        "icon": factor.icon if factor else "key",
        "weaker": bool(factor and factor.weaker),
        "detail": factor.detail(device) if factor else "",
        "prompt": factor.prompt if factor else "",
        "is_preferred": getattr(device, "is_preferred", False),
        "created_at": getattr(device, "created_at", None),
        "last_used_at": getattr(device, "last_used_at", None),
    }
