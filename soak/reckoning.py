"""What a client saw, and what the site has to have written because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soak.ledger import IN, LOCKED, REFUSED, THROTTLED, USED

if TYPE_CHECKING:
    from soak.expected import Act
    from soak.ledger import Entry
    from soak.people import Budget, Person


def reckon(entry: Entry, person: Person, budget: Budget, act: Act) -> str:
    """Reckon with what became of a request, and return why it must not have, empty if it may.

    Args:
        entry: the request.
        person: who has sent it.
        budget: what wrong codes in that browser are taken from.
        act: what was posted.
    """
    was_locked = budget.is_locked
    if entry.outcome == IN:
        return _accepted(entry, person, budget, act)
    if entry.outcome in {REFUSED, USED} and not act.is_change:
        return _refused(entry, budget, act)
    if entry.outcome in {LOCKED, THROTTLED} and act.is_guess:
        return "" if (entry.outcome == LOCKED) == was_locked else f"{entry.outcome}, after {budget.failures} wrong codes"
    return f"it led to {entry.outcome}"


def _accepted(entry: Entry, person: Person, budget: Budget, act: Act) -> str:
    was_locked = budget.is_locked
    if budget.digest:
        budget.in_a_row = 0
    entry.events.update(act.accept(person))
    if act.opens and was_locked:
        budget.failures = budget.in_a_row = 0
        entry.events["unlocked"] += 1
    return "it was accepted while codes were locked" if act.is_guess and was_locked else ""


def _refused(entry: Entry, budget: Budget, act: Act) -> str:
    entry.events["challenge_refused"] += 1
    if entry.outcome == USED or not act.is_guess:
        return ""
    was_locked = budget.is_locked
    if budget.fail():
        entry.events["locked"] += 1
    return "it was judged while codes were locked" if was_locked else ""
