"""What the site requires of the user of a session, as far as the session knows it: asked of the policy, then believed a while."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings

from allauth_2fa import app_settings
from allauth_2fa.state import request_state

from . import policy

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

MET_SESSION_KEY = "allauth_2fa_met"
"""``[user id, Unix seconds until which it is believed, those at which it falls due or None]``: what the site requires of
this user is not due yet, or is there."""


def is_known_to_be_met(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether nothing is due, as far as that is known without a query."""
    return policy.is_sure(user) or was_met(request, user)


def lacks(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether the user must have a second factor, of a kind that they have not got, before they may use the site.

    What is not due is believed for ``ALLAUTH_2FA_GUARD_RECHECK`` seconds, and no longer than until it falls due.
    """
    if is_known_to_be_met(request, user):
        return False
    requirement = policy.requirement_of(user)
    if requirement.is_due:
        request_state(request).requirement = requirement
        return True
    remember(request, user, requirement)
    return False


def was_met(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether what the site requires was not due a short while ago."""
    noted: Any = request.session.get(MET_SESSION_KEY)
    try:
        user_id, until, _due = noted
        left = until - time.time()
    except (TypeError, ValueError):
        return False
    return user_id == str(user.pk) and 0 < left <= app_settings.GUARD_RECHECK


def remember(request: HttpRequest, user: AbstractBaseUser, requirement: policy.Requirement) -> None:
    """Keep in the session that what the site requires of this user is not due for now."""
    due = None if requirement.due_at is None else requirement.due_at.timestamp()
    until = time.time() + app_settings.GUARD_RECHECK
    request.session[MET_SESSION_KEY] = [str(user.pk), until if due is None else min(until, due), due]


def shown(request: HttpRequest, user: AbstractBaseUser) -> policy.Requirement:
    """Return what the site requires of the user, for a page to say: from the session's note, as long as that is believed."""
    if policy.is_sure(user):
        return policy.FREE
    if not was_met(request, user):
        return request_state(request).requirement or policy.requirement_of(user)
    due: Any = request.session[MET_SESSION_KEY][2]
    if due is None:
        return policy.FREE
    return policy.Requirement("grace", policy.factors_for(user), due_at=datetime.fromtimestamp(due, tz=UTC if settings.USE_TZ else None))
