"""How many codes may be wrong: the limits in force, and what they leave to chance.

A window slides: "5/5m" means that no five minutes, whenever they begin, hold more than five failures.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from django.core.exceptions import ImproperlyConfigured

from allauth_2fa import app_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("unknown", "known")
"""The keys of ``ALLAUTH_2FA_FAILURE_LIMITS``: all browsers in which a user has not verified together, and each other one."""

LIMIT = re.compile(r"([1-9][0-9]{0,3})/(?:([1-9][0-9]{0,3})?([smhd])|row)")

SECONDS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}

LONG = SECONDS["d"]
"""Seconds. A longer window is a long budget: when it is empty, codes are locked, and the owner is told."""

YEAR = 365 * SECONDS["d"]

UNIT = 3e-6
"""The chance of one guess at an app: three codes of six digits are right at a time, and another guess may have more. In the
long windows a failure counts once for each of these that it has tried."""


class Window(NamedTuple):
    """The highest number of failures in a number of seconds."""

    most: int
    seconds: int

    @property
    def is_long(self) -> bool:
        """Return whether codes are locked when it is full."""
        return self.seconds > LONG


class Limits(NamedTuple):
    """The limits of one kind of budget: sliding windows, and failures without a success in between."""

    windows: tuple[Window, ...]
    in_a_row: int | None

    @property
    def most(self) -> int:
        """How many failures have to be kept to know of each window whether it is full."""
        return max((window.most for window in self.windows), default=0)


def limits(kind: str) -> Limits:
    """Return the limits in force for one of :data:`KINDS`.

    Raises:
        ImproperlyConfigured: the setting cannot be read. No code is judged then.
    """
    setting = app_settings.SETTINGS["FAILURE_LIMITS"]
    written = setting.read()
    if not isinstance(written, dict) or not set(written) <= set(KINDS):
        raise ImproperlyConfigured(f"it is not a dict with the keys {' and '.join(KINDS)}")
    entries = {**setting.default(), **written}[kind]
    if not isinstance(entries, list | tuple):
        raise ImproperlyConfigured(f"{entries!r} is not a list of limits")
    return parsed(tuple(map(str, entries)))


@cache
def parsed(entries: tuple[str, ...]) -> Limits:
    """Read limits: ``("5/5m", "100/row")``."""
    windows, in_a_row = [], []
    for entry in entries:
        found = LIMIT.fullmatch(entry)
        if found is None:
            raise ImproperlyConfigured(f'{entry!r} is not a limit like "5/5m", "20/h", "33/365d" or "100/row"')
        most, number, unit = found.groups()
        if unit is None:
            in_a_row.append(int(most))
        else:
            windows.append(Window(int(most), int(number or 1) * SECONDS[unit]))
    return Limits(tuple(windows), min(in_a_row, default=None))


def most_a_year(windows: Iterable[Window]) -> float:
    """Return the highest number of failures that the windows permit in a year, infinity without any."""
    return min((window.most * math.ceil(YEAR / window.seconds) for window in windows), default=math.inf)


def chance(guesses: float) -> float:
    """Return the chance that one of so many guesses at an app is right."""
    return 1.0 if math.isinf(guesses) else -math.expm1(guesses * math.log1p(-UNIT))


def weight(guess_probability: float) -> int:
    """Return how many guesses at an app a guess with that chance is worth, one at least."""
    return max(1, math.ceil(guess_probability / UNIT - 1e-6))
