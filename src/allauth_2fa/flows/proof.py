"""Proof before change: how fresh what this session has proved must be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from allauth_2fa import app_settings, compat

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest


def is_fresh(request: HttpRequest, user: AbstractBaseUser, *, has_factor: bool) -> bool:
    """Tell whether this session has proved enough, within ``ALLAUTH_2FA_REAUTHENTICATION_TIMEOUT`` seconds.

    Args:
        request: whose session holds the records.
        user: who wants to change something.
        has_factor: whether the user has a second factor, which then has to be what was proved. Without one, the
            login itself or a confirmed password will do.
    """
    now = time.time()
    return any(
        0 <= now - entry.get("at", 0) < app_settings.REAUTHENTICATION_TIMEOUT
        for entry in compat.records(request, user)
        if entry.get("method") == "mfa" or not has_factor
    )
