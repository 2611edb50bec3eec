"""For the test suites of projects: a client whose session has answered its second factor.

The guard turns ``client.force_login(user)`` of a user with a factor into a pending login, as it does with every
door; :func:`login_verified` is the way round it that a test wants.
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
    """Return an authenticator app of the user's, made if there is none."""
    device = registry.totp.devices(user).first()
    return device or registry.totp.model.objects.create(user_id=user.pk, confirmed=True, name="test")


def login_verified(client: Client, user: AbstractBaseUser, device: Device | None = None) -> Device:
    """Log the user in with a session that is verified now, and return the device that it is bound to.

    Args:
        client: Django's test client.
        user: who logs in. Without a second factor, an authenticator app is made.
        device: which of the user's devices is to have answered; None for the first.

    Raises:
        ValueError: the device belongs to somebody else or is not confirmed.
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
