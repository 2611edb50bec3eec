"""A user's devices and recovery codes as allauth's headless API describes authenticators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth_2fa import compat
from allauth_2fa.devices import passkeys, recovery_codes
from allauth_2fa.factors import lookup, registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

Described = dict[str, Any]


def listed(user: AbstractBaseUser) -> list[Described]:
    """Return all that protects the account: the devices, and the recovery codes if there are any."""
    codes = recovery(user)
    return [*map(described, lookup.primary_devices(user)), *([codes] if codes else [])]


def described(device: Any) -> Described:
    """Return what allauth's contract says of a device, with what is ours: ``factor``, ``device`` and ``name``."""
    factor = registry.factor_in_use(device)
    known = {"type": factor.api_type, **_times(device), "factor": factor.id, "device": device.persistent_id, "name": device.name}
    if factor is passkeys.factor():
        known |= {"id": number_of(device), "is_passwordless": device.is_passwordless}
    return known


def _times(device: Any) -> Described:
    """Return when the device was made and used last, in seconds of Unix time."""
    return {name: _timestamp(getattr(device, name, None)) for name in ("created_at", "last_used_at")}


def _timestamp(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def number_of(device: Device) -> Any:
    """Return the id of a passkey, which is a number in allauth's contract.

    Ours are negative beside ``allauth.mfa``: those of its passkeys are not, and one that is deleted is no other one then. A model
    of the project's own may have keys of another type, which are text here.
    """
    if not isinstance(device.pk, int):
        return str(device.pk)
    return -device.pk if compat.mfa_installed() else device.pk


def passkeys_of(user: AbstractBaseUser) -> dict[str, Device]:
    """Return the user's passkeys, by the text of their ids (one query)."""
    found: dict[str, Device] = {}
    for device in passkeys.factor_in_use().devices(user):
        device.user = user
        found[str(number_of(device))] = device
    return found


def recovery(user: AbstractBaseUser, codes: Sequence[recovery_codes.ShownCode] | None = None) -> Described | None:
    """Return what is said of the user's recovery codes, None if there are none.

    Args:
        user: whose codes they are.
        codes: the codes that are shown, None to show none.
    """
    device = recovery_codes.store_of(user)
    if device is None:
        return None
    counted = {"total_code_count": recovery_codes.total(user), "unused_code_count": recovery_codes.left(user)}
    shown = {} if codes is None else {"unused_codes": [code.token for code in codes]}
    return {"type": registry.recovery.api_type, **_times(device), **counted, **shown}
