"""Whether a session is verified by a device of its user's, and whether a user needs a challenge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter

from allauth_2fa import compat
from allauth_2fa.audit import events
from allauth_2fa.factors import lookup, registry

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device


def is_bound(user: Any) -> bool:
    """Return whether django-otp has bound the session to a device of the user's that still counts."""
    device = getattr(user, "otp_device", None)
    return device is not None and device.user_id == user.pk and bool(device.confirmed)


def is_verified_by_factor(user: Any) -> bool:
    """Return whether the session is bound to a device of a primary factor. A recovery code is not one."""
    factor = registry.factor_of(user.otp_device) if is_bound(user) else None
    return factor is not None and factor.primary


def needs_challenge(user: AbstractBaseUser) -> bool:
    """Return whether the project's adapter wants a second factor of this user (one query)."""
    wants = getattr(get_adapter(), "has_2fa_enabled", lookup.has_primary)
    return bool(wants(user))


# After the answer


def record_answer(request: HttpRequest, user: AbstractBaseUser, device: Device, **facts: Any) -> None:
    """Record with allauth that the user has answered by this device. Within a session, announce it too.

    Args:
        request: whose session it is.
        user: the user who has answered.
        device: the device that accepted the answer.
        facts: more for allauth's record: ``reauthenticated=True`` within a session.
    """
    factor = registry.factor_of(device)
    kind = factor.id if factor else device.model_label()
    compat.record(request, user, "mfa", id=device.pk, type=kind, **facts)
    if facts.get("reauthenticated"):
        events.announce("reauthenticated", user, request=request, device=device, factor=kind)
