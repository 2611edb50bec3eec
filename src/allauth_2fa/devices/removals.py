"""Devices that are deleted past our pages: in admin pages of other packages, by the project's own code, in a shell.

What follows a removal follows that one too. Django's signals tell of it, for each class of devices that there is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction

from allauth_2fa.audit import events
from allauth_2fa.factors import lookup, registry
from allauth_2fa.factors.generic import hold
from allauth_2fa.models import lock_user
from allauth_2fa.sessions import ending

from . import deletion, manage, staff, turn_off

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

COUNTED = "_allauth_2fa_counted"
"""What a device bears that was there, and confirmed, when its deletion began."""

TURNED_OFF = "_allauth_2fa_turned_off"
"""What a query bears that has deleted the last devices of these users, several of one user perhaps."""


def begin(request: HttpRequest | None, sender: type[Device], instance: Any, origin: Any) -> None:
    """Note whether the device protects anything, before it is gone. It waits for what else happens to the user's devices.

    Args:
        request: in which it is deleted, None if there is none.
        sender: the model that Django deletes it from.
        instance: the device.
        origin: what was asked to be deleted: the device itself, another object that it hangs on, or a query.

    Raises:
        PermissionDenied: staff who are no superusers delete a superuser's device in an admin.
    """
    factor = registry.factor_of(instance)
    if factor is None or deletion.is_ours(origin):
        return
    if _goes_along(sender, _model_of(origin)):
        if factor.sends_codes:
            # A code that is being sent is noted before the notes of the user are deleted. Rows are locked in the order in which
            # sending.py locks them, or the two would wait for each other: the user first only if the device is being added.
            if not instance.confirmed:
                lock_user(instance.user_id)
            hold(instance)
        return
    _ensure_may(request, instance)
    lock_user(instance.user_id)
    is_there = sender._base_manager.filter(pk=instance.pk, user_id=instance.user_id, confirmed=True).exists()
    setattr(instance, COUNTED, is_there)


def _model_of(origin: Any) -> Any:
    """Return of which model that is which was asked to be deleted: an instance or a query."""
    return getattr(origin, "model", None) or type(origin)


def _goes_along(sender: type[Device], asked: Any) -> bool:
    """Return whether the device goes with its user, or is another model's view of the device that is deleted."""
    if issubclass(asked, get_user_model()):
        return True
    return asked is not sender and (issubclass(asked, sender) or issubclass(sender, asked))


def _ensure_may(request: HttpRequest | None, device: Any) -> None:
    """Check that nobody but a superuser deletes a superuser's device in an admin, whoever's pages it has.

    Raises:
        PermissionDenied: somebody does.
    """
    match = request.resolver_match if request else None
    if request and match and "admin" in match.app_names:
        staff.ensure_may(request.user, device.user)


def complete(request: HttpRequest | None, sender: type[Device], instance: Any, origin: Any) -> None:
    """Do what follows a removal, in the transaction of the deletion. Takes what :func:`begin` does."""
    if not vars(instance).pop(COUNTED, False):
        return
    if _model_of(origin) is sender:
        _settle(request, instance, origin)
    else:
        # It hangs on something else that is deleted, on which its user may hang as well.
        _settle_later(request, instance, origin)


def _settle_later(request: HttpRequest | None, device: Any, origin: Any) -> None:
    key = device.pk

    def settle() -> None:
        with transaction.atomic():
            lock_user(device.user_id)
            if get_user_model()._base_manager.filter(pk=device.user_id).exists():
                device.pk = key
                _settle(request, device, origin)
                device.pk = None

    transaction.on_commit(settle, robust=True)


def _settle(request: HttpRequest | None, device: Any, origin: Any) -> None:
    user = device.user
    actor: Any = staff.console() if request is None else request.user
    manage.forget(device)
    manage.announce_removed(device, actor)
    turned_off = vars(origin).setdefault(TURNED_OFF, set()) if origin is not None else set()
    if manage.factor_id(device) and user.pk not in turned_off and _is_off(device):
        turned_off.add(user.pk)
        _turn_off(user, actor, request)


def _is_off(device: Any) -> bool:
    """Return whether the user holds nothing any more that a login waits for, and the device was such a thing."""
    factor = registry.factor_of(device)
    return factor is not None and factor.primary and not lookup.count_primary(device.user_id)


def _turn_off(user: AbstractBaseUser, actor: Any, request: HttpRequest | None) -> None:
    """End the user's sessions, but for that in which the user has done it."""
    events.announce("two_factor_off", user, actor=actor)
    if request is None or actor.pk != user.pk:
        ending.end_all(user, "removal", actor=actor)
        return
    before = ending.invalidate(user)
    transaction.on_commit(partial(turn_off.keep_session, request, user, before), robust=True)
