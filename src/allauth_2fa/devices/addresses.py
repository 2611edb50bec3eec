"""E-mail addresses of allauth's that devices hang on: what becomes of a device whose address is removed or changed.

Whatever page or command it is, nobody is left with a device that nothing can be sent to and does not hear of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account import app_settings as account_settings
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db import transaction

from allauth_2fa.audit import events
from allauth_2fa.browsers import trust
from allauth_2fa.factors import lookup, registry
from allauth_2fa.models import lock_user
from allauth_2fa.requirement import policy
from allauth_2fa.sessions import reauthentication

from . import staff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

    from allauth_2fa.factors.base import Factor

Found = list[tuple["Factor", Any]]
"""Devices, each with its factor."""


def at(user: AbstractBaseUser, address: str | None = None) -> Found:
    """Return the user's devices that hang on that address, on any address for None (one query a factor that has addresses)."""
    found: Found = []
    for factor in registry.primaries():
        if factor.address_field:
            found += [(factor, device) for device in factor.devices(user) if _hangs(factor, device, address)]
    for _factor, device in found:
        device.user = user
    return found


def _hangs(factor: Factor, device: Device, address: str | None) -> bool:
    own = getattr(device, factor.address_field) or ""
    return address is None or own.lower() == address.lower()


def may_lose(user: AbstractBaseUser, address: str) -> bool:
    """Return whether the user has another second factor, and what the site requires, without the devices on that address."""
    lost = at(user, address)
    return not lost or (lookup.count_primary(user.pk) > len(lost) and all(policy.may_remove(device) for _factor, device in lost))


# An address that replaces all others (ACCOUNT_CHANGE_EMAIL)


def left_behind(address: EmailAddress) -> Found:
    """Return the devices that hang on an address which goes when this one is confirmed."""
    if not (account_settings.CHANGE_EMAIL and address.user_id):
        return []
    return [found for found in at(address.user) if not _hangs(*found, address.email)]


def may_move(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether it is the owner who confirms the address: logged in, with a proof of a second factor that is not too old."""
    return request.user.is_authenticated and request.user.pk == user.pk and reauthentication.is_fresh(request, user, has_factor=True)


def move(found: Found, user: AbstractBaseUser, address: str) -> None:
    """Let the devices hang on another address, in the transaction of the caller. Trust that they have given ends."""
    lock_user(user.pk)
    for factor, device in found:
        factor.model.objects.filter(pk=device.pk, user_id=user.pk).update(**{factor.address_field: address})
        events.announce("device_moved", user, device=device, factor=factor.id)
    trust.invalidate(user.pk)


# An address that is gone


def remove_at(request: HttpRequest | None, user_id: Any, address: str) -> None:
    """Remove the devices that hung on an address that is gone. The last one stays, and lets nobody in; its owner is told.

    Args:
        request: in which the address went, None if a command has deleted it.
        user_id: the key of the user whose address it was.
        address: the address.
    """
    user = get_user_model()._base_manager.filter(pk=user_id).first()
    if user is None or _is_still_there(user_id, address):
        return
    with transaction.atomic():
        lock_user(user.pk)
        for factor, device in at(user, address):
            if lookup.count_primary(user.pk) > 1 and policy.may_remove(device):
                # What follows a removal follows this one (:mod:`.removals`).
                device.delete()
            else:
                events.announce("device_unreachable", user, actor=_actor(request, user), device=device, factor=factor.id)


def _is_still_there(user_id: Any, address: str) -> bool:
    """Return whether the user has the address in other letters, or again."""
    rest: Sequence[str] = EmailAddress.objects.filter(user_id=user_id, verified=True).values_list("email", flat=True)
    return any(other.lower() == address.lower() for other in rest)


def _actor(request: HttpRequest | None, user: AbstractBaseUser) -> Any:
    """Return who has done it: a command, whoever is logged in, or else the user, by a link in a mail."""
    if request is None:
        return staff.console()
    return request.user if request.user.is_authenticated else user
