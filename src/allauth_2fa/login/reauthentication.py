"""How a session goes on after its user has answered in the middle of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django_otp

from allauth_2fa.budget import charging
from allauth_2fa.sessions import keys, verified

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device


def complete(request: HttpRequest, user: AbstractBaseUser, device: Device) -> None:
    """Record that the user has answered by the device, and bind the session to it under a new key.

    Whoever has a copy of the old key does not get what the answer opens.
    """
    verified.record_answer(request, user, device, reauthenticated=True)
    charging.note_verified(request, user, device)
    django_otp.login(request, device)
    keys.renew_listed(request)
