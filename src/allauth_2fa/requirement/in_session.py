"""What the site requires of a session's user. The policy is asked, and the session then believes the answer for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from allauth_2fa import app_settings
from allauth_2fa.state.request import request_state
from allauth_2fa.state.session import Met, SessionState

from . import policy

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest


def is_known_to_be_met(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether nothing is due, as far as that is known without a query."""
    return policy.is_sure(user) or was_met(request, user)


def lacks(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether the user lacks a second factor that the site requires before they may use it.

    That nothing is due is believed for ``ALLAUTH_2FA_GUARD_RECHECK`` seconds, and not beyond the moment when it falls due.
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
    """Return whether nothing was due a short while ago."""
    return _known(request, user) is not None


def _known(request: HttpRequest, user: AbstractBaseUser) -> Met | None:
    met = SessionState(request.session, user).met
    return met if met is not None and 0 < met.until - time.time() <= app_settings.GUARD_RECHECK else None


def remember(request: HttpRequest, user: AbstractBaseUser, requirement: policy.Requirement) -> None:
    """Store in the session that nothing is due for this user now."""
    due_at, until = requirement.due_at, time.time() + app_settings.GUARD_RECHECK
    SessionState(request.session, user).met = Met(until if due_at is None else min(until, due_at.timestamp()), due_at)


def shown(request: HttpRequest, user: AbstractBaseUser) -> policy.Requirement:
    """Return what the site requires of the user, for a page to show. What the session has stored is used as long as it is believed."""
    if policy.is_sure(user):
        return policy.FREE
    met = _known(request, user)
    if met is None:
        return request_state(request).requirement or policy.requirement_of(user)
    return policy.FREE if met.due_at is None else policy.Requirement("grace", policy.factors_for(user), due_at=met.due_at)
