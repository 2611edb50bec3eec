"""System checks of the requirement: whether its settings can be read and have an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.core import checks

from allauth_2fa import app_settings
from allauth_2fa.adapter import ENROLLMENT_STAGE, STAGE
from allauth_2fa.factors import registry
from allauth_2fa.requirement import policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .wiring import Messages

HINT = 'Use "nobody", "everyone", "staff", "superusers", "group:NAME", the path of a callable, or a list of those.'


def check_required(**_kwargs: Any) -> Messages:
    """E060: ALLAUTH_2FA_REQUIRED cannot be understood. W060: details of the requirement are set, and nothing is required."""
    reason = _misunderstood(app_settings.REQUIRED)
    if reason:
        message = f"ALLAUTH_2FA_REQUIRED is not valid, so everyone needs a second factor: {reason}."
        return [checks.Error(message, hint=HINT, id="allauth_2fa.E060")]
    idle = [name for name in ("REQUIRED_FACTORS", "REQUIRED_FROM", "GRACE_PERIOD") if app_settings.SETTINGS[name].read()]
    if policy.is_on() or not idle:
        return []
    named = ", ".join(app_settings.PREFIX + name for name in idle)
    return [checks.Warning(f"{named} has no effect: no user needs a factor.", hint="Set ALLAUTH_2FA_REQUIRED.", id="allauth_2fa.W060")]


def check_required_factors(**_kwargs: Any) -> Messages:
    """E061: an item of ALLAUTH_2FA_REQUIRED_FACTORS cannot be used. W061: users cannot add the factors that it requires."""
    rows = app_settings.REQUIRED_FACTORS
    return [message for said, ids in rows.items() for message in _row(said, ids)] if isinstance(rows, dict) else []


def _row(said: Any, ids: Any) -> Iterator[checks.CheckMessage]:
    known = {factor.id for factor in registry.primaries()}
    unknown = sorted(str(one) for one in policy.entries(ids) if one not in known)
    reason = _misunderstood(said) or (unknown and f"there is no factor {', '.join(unknown)}") or ("" if ids else "it names no factor")
    if reason:
        message = f"ALLAUTH_2FA_REQUIRED_FACTORS[{said!r}] cannot be used: {reason}."
        hint = f"{HINT} The factors are {', '.join(sorted(known))}."
        yield checks.Error(message, hint=hint, id="allauth_2fa.E061")
    elif not any(factor.id in policy.entries(ids) for factor in registry.factors() if factor.enroll_page):
        message = f"ALLAUTH_2FA_REQUIRED_FACTORS[{said!r}] names only factors that users cannot add themselves."
        hint = "Users without such a device cannot sign in until staff give them one, or an exemption."
        yield checks.Warning(message, hint=hint, id="allauth_2fa.W061")


def _misunderstood(said: Any) -> str:
    """Return why the setting cannot be understood; an empty string if it can."""
    try:
        for entry in policy.entries(said):
            policy.rule_of(entry)
    except Exception as error:  # noqa: BLE001 - importing a path runs the project's code
        return str(error)
    return ""


def check_enrollment_stage(**_kwargs: Any) -> Messages:
    """E062: the login stage that sets up a required factor is missing, or stands before the stage for the second factor."""
    stages = get_adapter().get_login_stages()
    if not policy.is_on() or STAGE not in stages or ENROLLMENT_STAGE in stages[stages.index(STAGE) :]:
        return []
    message = "The login stage that sets up a required second factor is missing or too early."
    hint = f"get_login_stages() of your adapter must include '{ENROLLMENT_STAGE}' after '{STAGE}'. Extend what super() returns."
    return [checks.Error(message, hint=hint, id="allauth_2fa.E062")]
