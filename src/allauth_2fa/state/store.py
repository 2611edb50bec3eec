"""Facts that a session or a pending login stores, read with care: a session may be a cookie, and an older release may have written it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from django.conf import settings


def number(value: Any) -> float | None:
    """Return the value as a finite number, None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def moment(value: Any) -> datetime | None:
    """Return the moment of these Unix seconds as the database has it, None if there is no such moment."""
    try:
        return datetime.fromtimestamp(number(value), tz=UTC if settings.USE_TZ else None)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


class ChallengeStore:
    """Where the questions of a challenge are stored: which codes were sent for it, and what a passkey was asked."""

    def __init__(self, facts: Any) -> None:
        """Store them in this dict.

        Args:
            facts: a dict. Anything else counts as an empty one, and stays as it is.
        """
        self._kept: dict[str, Any] = facts if isinstance(facts, dict) else {}

    def _facts(self) -> dict[str, Any]:
        return self._kept

    def _put(self, **facts: Any) -> None:
        self._kept.update(facts)

    def _drop(self, *names: str) -> None:
        for name in names:
            self._kept.pop(name, None)

    @property
    def sent(self) -> dict[str, Any]:
        """The name of each code that was sent for this challenge, by the django-otp id of its device."""
        sent = self._facts().get("sent")
        return sent if isinstance(sent, dict) else {}

    def note_sent(self, device_id: str, code_name: str) -> None:
        """Keep which code a device has sent last for this challenge. The name is of no use to anybody without the code."""
        self._put(sent={**self.sent, device_id: code_name})

    def keep_question(self, purpose: str, question: dict[str, Any]) -> None:
        """Keep what a passkey was asked, instead of an earlier question for the same purpose."""
        self._put(**{purpose: question})

    def take_question(self, purpose: str) -> dict[str, Any]:
        """Return the question for that purpose once, empty if there is none."""
        question = self._facts().get(purpose)
        self._drop(purpose)
        return question if isinstance(question, dict) else {}
