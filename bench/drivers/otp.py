"""Devices of django-otp, which three of the contenders use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

if TYPE_CHECKING:
    from drivers.base import Account

RECOVERY_CODES = 10


def add_totp_device(account: Account, secret: bytes, name: str) -> None:
    """Store a confirmed authenticator app."""
    TOTPDevice.objects.create(user=account.user, name=name, key=secret.hex(), confirmed=True)


def add_static_tokens(account: Account) -> list[str]:
    """Store recovery codes as 0.12 and django-two-factor-auth keep them."""
    device = StaticDevice.objects.create(user=account.user, name="backup")
    tokens = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    for token in tokens:
        device.token_set.create(token=token)
    return tokens
