"""What the guard has found out about a session, kept in it for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from allauth_2fa import app_settings, compat

from . import ending

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

CHECKED_SESSION_KEY = "allauth_2fa_checked"
"""``[user id, Unix seconds]``: this user owed nothing then."""

MFA_SESSION_KEY = "allauth_2fa_mfa"
"""The id of the user whose proof ``allauth.mfa`` has judged in this session."""


def was_checked(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this session owed nothing a short while ago, and nothing has happened to the user since."""
    if not ending.is_noted(request.session, user):
        return False
    checked: Any = request.session.get(CHECKED_SESSION_KEY)
    try:
        user_id, at = checked
        age = time.time() - at
    except (TypeError, ValueError):
        return False
    return user_id == str(user.pk) and 0 <= age < app_settings.GUARD_RECHECK


def remember(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Keep in the session that this user owes nothing for now."""
    request.session[CHECKED_SESSION_KEY] = [str(user.pk), int(time.time())]


def remember_mfa(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Keep in the session that ``allauth.mfa`` has judged this user's proof."""
    request.session[MFA_SESSION_KEY] = str(user.pk)


def mfa_is_proved(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether ``allauth.mfa`` recorded a proof of this user in this session."""
    return any(entry.get("method") == "mfa" for entry in compat.records(request, user))
