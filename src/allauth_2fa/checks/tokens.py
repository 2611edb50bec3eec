"""System checks of the tokens of allauth's headless API: whether the session of a token is checked."""

from __future__ import annotations

from typing import Any

from django.core import checks

from allauth_2fa import compat

Messages = list[checks.CheckMessage]

MOST_SECONDS = 300
"""Allauth's default lifetime of an access token in seconds."""


def check_session_readers(**_kwargs: Any) -> Messages:
    """E024: allauth reads the user of a session without calling this package."""
    if compat.guards_session_readers():
        return []
    hint = "This release of django-allauth is not supported. Use an older release, or a newer release of this package."
    message = "A token of allauth's headless API can open a session that has ended or that needs the second factor."
    return [checks.Error(message, hint=hint, id="allauth_2fa.E024")]


def check_stateless_tokens(**_kwargs: Any) -> Messages:
    """W025: access tokens have a long lifetime, and their session is not checked."""
    seconds = compat.stateless_token_seconds()
    if seconds <= MOST_SECONDS:
        return []
    message = f"An access token of allauth's headless API works for {seconds} seconds, even if its session has ended."
    hint = f"Set HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED to True, or HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN to {MOST_SECONDS} or less."
    return [checks.Warning(message, hint=hint, id="allauth_2fa.W025")]
