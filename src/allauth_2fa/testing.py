"""Helpers for the tests of projects: a test client with a verified session.

After ``client.force_login(user)`` the guard asks a user with a factor for it, as after every login. Use
:func:`login_verified` instead.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from .factors import registry

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.test import Client
    from django_otp.models import Device


def confirmed_device(user: AbstractBaseUser) -> Device:
    """Return the user's authenticator app; create one if there is none."""
    device = registry.totp.devices(user).first()
    return device or registry.totp.model.objects.create(user_id=user.pk, confirmed=True, name="test")


def login_verified(client: Client, user: AbstractBaseUser, device: Device | None = None) -> Device:
    """Log the user in with a verified session, and return the device that verified it.

    Args:
        client: Django's test client.
        user: the user to log in. An authenticator app is created if the user has none.
        device: the device that verifies the session; None for the user's first authenticator app.

    Raises:
        ValueError: the device belongs to another user or is not confirmed.
    """
    device = device or confirmed_device(user)
    if device.user_id != user.pk or not device.confirmed:
        message = "The device must be a confirmed one of the user's own."
        raise ValueError(message)
    user.otp_device = device  # type: ignore[attr-defined]
    client.force_login(cast("Any", user))
    session = client.session
    factor = registry.factor_of(device)
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time()},
        {"method": "mfa", "at": time.time(), "id": device.pk, "type": factor.id if factor else device.model_label()},
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return device
