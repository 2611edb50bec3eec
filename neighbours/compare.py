"""What differs, and whether it is meant to."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .suites import Outcome

if TYPE_CHECKING:
    from .suites import Run

LIST = Path(__file__).parent / "differences.toml"


def listed() -> dict[str, dict[str, str]]:
    """Return for each suite the tests that are meant to differ, with the reason."""
    return tomllib.loads(LIST.read_text())


def differing(with_us: Run, bare: Run) -> dict[str, Outcome]:
    """Return what passes without this package and does not with it; a test that is missing with it among them."""
    missing = {test: Outcome(test, "not there") for test in bare.collected - with_us.collected}
    passes_bare = {name for name, outcome in bare.outcomes.items() if outcome.passed}
    lost = {name: with_us.outcomes.get(name, Outcome(name, "not there")) for name in passes_bare}
    return missing | {name: outcome for name, outcome in lost.items() if not outcome.passed}


def complaints(suite: str, found: dict[str, Outcome], meant: dict[str, str]) -> list[str]:
    """Return what is wrong: a difference that the list does not name, a name without a difference or without a reason."""
    unlisted = [
        f"{suite}: {name} passes without this package, and is {outcome.outcome} with it.\n{outcome.text}".rstrip()
        for name, outcome in sorted(found.items())
        if name not in meant
    ]
    stale = [f"{suite}: {name} is listed in differences.toml, and no longer differs." for name in sorted(set(meant) - set(found))]
    reasonless = [f"{suite}: {name} is listed without a reason." for name, reason in meant.items() if not reason.strip()]
    return [*unlisted, *stale, *reasonless]
