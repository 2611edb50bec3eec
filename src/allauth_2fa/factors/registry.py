"""Which factors there are, and what a user holds of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .recovery import RecoveryFactor
from .static import StaticFactor
from .totp import TotpFactor

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

    from .base import Factor

totp = TotpFactor()
recovery = RecoveryFactor()
static = StaticFactor()

FACTORS: tuple[Factor, ...] = (totp, recovery, static)
"""In the order in which they are offered."""


def has_primary(user: AbstractBaseUser) -> bool:
    """Tell whether the user holds a device that a login has to wait for (one query)."""
    return any(factor.devices(user).exists() for factor in FACTORS if factor.primary)


def factor_of(device: Device) -> Factor | None:
    """Return the factor whose device this is."""
    return next((factor for factor in FACTORS if isinstance(device, factor.model)), None)


def load(persistent_id: str | None, user: AbstractBaseUser) -> Device | None:
    """Return the user's confirmed device of that django-otp id, None if there is none such, whoever else has it.

    The id is looked for in the tables of the factors only, and its owner is part of the query.
    """
    label, _slash, pk = (persistent_id or "").rpartition("/")
    factor = next((factor for factor in FACTORS if factor.model.model_label() == label), None)
    if factor is None or not (pk.isascii() and pk.isdigit()) or len(pk) > LONGEST_PK:
        return None
    return factor.model.objects.filter(pk=int(pk), user_id=user.pk, confirmed=True).first()


LONGEST_PK = 18
"""Decimal digits that every database's 64-bit integer holds."""
