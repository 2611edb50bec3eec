"""Turning the second factor off: all devices of a user go, with what stood in for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django_otp
from django.db import transaction

from allauth_2fa.audit import events
from allauth_2fa.browsers import trust
from allauth_2fa.factors import registry
from allauth_2fa.models import DeviceOptions, lock_user
from allauth_2fa.sessions import checked, ending
from allauth_2fa.state.session import SessionState

from . import deletion, manage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device


def remove_all(user: AbstractBaseUser, actor: AbstractBaseUser | None = None) -> datetime:
    """Remove the devices, confirmed or waiting, and what stood in for them.

    Every session of the user's ends; :func:`keep_session` lets that of the request go on.

    Args:
        user: whose they are.
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
        before = ending.invalidate(user)
        events.announce("two_factor_off", user, actor=actor)
    return before


def remove(user: AbstractBaseUser, those: Sequence[Device]) -> datetime | None:
    """Remove these devices of the user, all or none of them. With the last one the second factor is turned off.

    What another request has removed is passed over: it does not count as the last one again.

    Args:
        user: whose they are.
        those: confirmed devices, whose owner is at hand.

    Returns:
        The moment before which the user's sessions are over, None if a device is left.

    Raises:
        StillRequired: the site requires a second factor of the user, and one of these is the last one that satisfies it.
    """
    with transaction.atomic():
        lock_user(user.pk)
        for device in those:
            is_there = type(device)._base_manager.filter(pk=device.pk, user_id=user.pk).exists()
            if is_there and not manage.remove(device):
                return remove_all(user)
    return None


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
