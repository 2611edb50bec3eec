"""What is left of a budget: a list of failures with their times, over which the windows of the limits slide.

Nothing here touches the database.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth_2fa.exceptions import Locked, LockedHere, NotYet, Throttled
from allauth_2fa.models import Browser

from .limits import KINDS, Limits, Window, limits

if TYPE_CHECKING:
    from collections.abc import Iterable


class Failure(NamedTuple):
    """One wrong answer: when, in milliseconds since 1970, and how many guesses at an app it was worth."""

    at: int
    weight: int = 1


def unpack(text: str) -> tuple[Failure, ...]:
    """Read failures as they are stored: ``"1700000000000 1700000060000*2"``."""
    return tuple(Failure(*map(int, word.split("*"))) for word in text.split())


def pack(failures: Iterable[Failure]) -> str:
    """Write failures as they are stored."""
    return " ".join(f"{failure.at}" if failure.weight == 1 else f"{failure.at}*{failure.weight}" for failure in failures)


def now() -> int:
    """Return the time in milliseconds since 1970."""
    return math.ceil(time.time() * 1000)


class Budget(NamedTuple):
    """What a row of :class:`~allauth_2fa.models.Browser` said of failures when it was read."""

    user_id: Any
    pk: Any = None
    """The key of the row, None as long as there is none."""
    digest: str = Browser.OTHERS
    name: str = ""
    version: int = 0
    in_a_row: int = 0
    failures: tuple[Failure, ...] = ()
    proofs: tuple[Failure, ...] = ()

    @classmethod
    def of(cls, user_id: Any, row: dict[str, Any] | None) -> Budget:
        """Make a budget of the columns of a row, an untouched one of none."""
        if row is None:
            return cls(user_id)
        return cls(user_id, **{**row, "failures": unpack(row["failures"]), "proofs": unpack(row["proofs"])})

    @property
    def is_known(self) -> bool:
        """Return whether it is that of a browser in which the user has verified."""
        return self.digest != Browser.OTHERS

    @property
    def limits(self) -> Limits:
        """The limits in force for it."""
        return limits(KINDS[self.is_known])

    @property
    def scope(self) -> str:
        """What the audit log and support call it: the browser by its name, or all those that are new."""
        return self.name if self.is_known else "new browsers"

    # What it holds

    def refusal(self, weight: int = 1) -> NotYet | None:
        """Return why no guess of that worth is judged now, None if one is."""
        limits = self.limits
        full = [(window, until) for window in limits.windows if (until := _full_until(window, self.failures, weight))]
        locked = [until for window, until in full if window.is_long]
        if limits.in_a_row is not None and self.in_a_row >= limits.in_a_row:
            return LockedHere()
        if locked:
            return (LockedHere if self.is_known else Locked)(_moment(max(locked)))
        return Throttled(_moment(max(until for _window, until in full))) if full else None

    def proof_refusal(self) -> NotYet | None:
        """Return why no codes in a row are judged now, None if some are. They are never locked."""
        short = [window for window in self.limits.windows if not window.is_long]
        full = [until for window in short if (until := _full_until(window, self.proofs, 1))]
        return Throttled(_moment(max(full))) if full else None

    @property
    def lock(self) -> Locked | None:
        """Why no answer like the last wrong one is judged until somebody opens the budget, None if it is not locked.

        An answer that is worth two guesses finds a budget empty in which there is one left.
        """
        refusal = self.refusal(self.failures[-1].weight if self.failures else 1)
        return refusal if isinstance(refusal, Locked) else None

    @property
    def is_locked(self) -> bool:
        """Return whether its long budget is empty."""
        return self.lock is not None

    @property
    def since(self) -> datetime | None:
        """When an answer was wrong last, which is when a budget that is locked was locked."""
        return _moment(self.failures[-1].at) if self.failures else None

    # What becomes of it: the columns that are written

    def failed(self, weight: int = 1) -> dict[str, Any]:
        """Take a failure out of it. The caller has seen that there is room."""
        failures = self._later(self.failures, weight)
        return {"failures": pack(failures), "in_a_row": self.in_a_row + 1}

    def given_back(self, failure: Failure | None) -> dict[str, Any]:
        """Put a failure back that turned out to be none. It may have been forgotten meanwhile, for newer ones."""
        kept = list(self.failures)
        if failure in kept:
            kept.remove(failure)
        return {"failures": pack(kept), "in_a_row": max(0, self.in_a_row - 1)}

    def proof_failed(self) -> dict[str, Any]:
        """Count codes in a row that were tried."""
        return {"proofs": pack(self._later(self.proofs, 1))}

    def _later(self, failures: tuple[Failure, ...], weight: int) -> tuple[Failure, ...]:
        """Add a failure of now. A clock that was set back makes none older than the last."""
        at = max(now(), failures[-1].at if failures else 0)
        kept = self.limits.most
        return (*failures, Failure(at, weight))[-kept:] if kept else ()

    def changed(self, changes: dict[str, Any]) -> Budget:
        """Return the budget as it is once that is written."""
        read: dict[str, Any] = {name: unpack(value) if name in {"failures", "proofs"} else value for name, value in changes.items()}
        return self._replace(**{name: value for name, value in read.items() if name in self._fields})


def _full_until(window: Window, failures: tuple[Failure, ...], weight: int) -> int | None:
    """Return when there is room in the window for a guess of that worth, in milliseconds; None if that is now.

    A failure in the future, from before a clock was set back, is inside of each window.
    """
    began = now() - window.seconds * 1000
    inside = [failure for failure in failures if failure.at > began]
    weigh = [failure.weight if window.is_long else 1 for failure in inside]
    # A guess that is worth more than all of the window takes all of it.
    room = max(0, window.most - (weight if window.is_long else 1))
    used, until = sum(weigh), None
    for failure, counted in zip(inside, weigh, strict=True):
        if used <= room:
            break
        used, until = used - counted, failure.at + window.seconds * 1000
    return until


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
