"""What the guard has found out about a session, kept in it for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from allauth_2fa import app_settings, compat
from allauth_2fa.state.session import SessionState

from . import ending

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest


def was_checked(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this session needed no second factor a short while ago, and its user has not changed since."""
    if not ending.is_noted(request.session, user):
        return False
    checked_at = SessionState(request.session, user).checked_at
    return checked_at is not None and 0 <= time.time() - checked_at < app_settings.GUARD_RECHECK


def remember(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Store in the session that this user needs no second factor for now."""
    SessionState(request.session, user).checked_at = int(time.time())


def remember_mfa(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Store in the session that ``allauth.mfa`` has accepted this user's answer."""
    SessionState(request.session, user).is_proved_by_mfa = True


def mfa_is_proved(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether ``allauth.mfa`` has recorded an answer of this user in this session."""
    return any(entry.get("method") == "mfa" for entry in compat.records(request, user))
