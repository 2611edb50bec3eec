"""System checks of the failure budget: whether its limits can be read, and how likely a guess succeeds under them."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from allauth_2fa import app_settings
from allauth_2fa.budget import limits

BOUND = 1e-4
"""Highest acceptable probability that a guess succeeds within a year: 1 in 10,000."""

MOST_IN_A_ROW = 100
"""Most consecutive failures before an authenticator must be disabled (NIST SP 800-63B-4, 3.2.2)."""

NAME = f"{app_settings.PREFIX}FAILURE_LIMITS"


def check_limits(**_kwargs: Any) -> list[checks.CheckMessage]:
    """E040: the limits cannot be read. W040: guesses succeed too often under them. W041: they allow too many failures in a row."""
    try:
        unknown, known = (limits.limits(kind) for kind in limits.KINDS)
    except ImproperlyConfigured as error:
        hint = 'Use a dict with the keys "unknown" and "known" and lists of limits like "5/5m" and "100/row".'
        return [checks.Error(f"{NAME} cannot be used: {error}.", hint=hint, id="allauth_2fa.E040")]
    messages: list[checks.CheckMessage] = []
    chance = limits.chance(limits.most_a_year(unknown.windows))
    if chance > BOUND:
        hint = "This is the chance of someone who knows a password and uses new browsers. The default leaves 1 in 10,000."
        text = f"{NAME} leaves a guesser a chance of 1 in {max(1, round(1 / chance)):,} a year."
        messages.append(checks.Warning(text, hint=hint, id="allauth_2fa.W040"))
    if known.in_a_row is None or known.in_a_row > MOST_IN_A_ROW:
        hint = f'Add the limit "{MOST_IN_A_ROW}/row" or less to "known".'
        text = f"{NAME} allows more than {MOST_IN_A_ROW} wrong codes in a row in one browser."
        messages.append(checks.Warning(text, hint=hint, id="allauth_2fa.W041"))
    return messages
