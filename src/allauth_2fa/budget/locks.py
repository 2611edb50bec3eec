"""Which locks there are at present, of all users: what those who help look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from django.db.models.functions import Length

from allauth_2fa.models import FAILURE_LENGTH, Browser, Lock

from . import stored
from .budget import Budget
from .limits import KINDS, limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from .limits import Limits


def budget_of(row: Browser) -> Budget:
    """Return the budget that a row is."""
    return Budget.of(row.user_id, {name: getattr(row, name) for name in stored.COLUMNS})


def all_locks() -> Iterator[tuple[Lock, Budget]]:
    """Yield what is locked at present, with its user, in the order of the rows (one query)."""
    for row in _candidates().select_related("user").order_by("pk").iterator():
        budget = budget_of(row)
        if budget.is_locked:
            yield row, budget


def _candidates() -> QuerySet[Lock]:
    """Return the rows that may be locked. The windows slide in Python, and most rows hold far too little to be looked at."""
    unknown, known = map(limits, KINDS)
    is_new = Q(digest=Browser.OTHERS)
    full = min((least for least in map(_least, (unknown, known)) if least), default=None)
    if full is None:
        return Lock._default_manager.none()
    # First what has an index: it leaves some rows of a million.
    rows = Lock._default_manager.filter(fullness__gte=full * FAILURE_LENGTH).annotate(length=Length("failures"))
    return rows.filter(is_new & _may_be_full(unknown) | ~is_new & _may_be_full(known))


def _least(limits: Limits) -> int:
    """Return with how many wrong codes a budget with these limits may be locked at the earliest, 0 if it never is."""
    return min((most for most in (limits.in_a_row, *(window.most for window in limits.windows if window.is_long)) if most), default=0)


def _may_be_full(limits: Limits) -> Q:
    """Return the condition that a budget with these limits may be locked: by its row of wrong codes, or a long window."""
    may_be = Q(pk__in=[]) if limits.in_a_row is None else Q(in_a_row__gte=limits.in_a_row)
    if least := min((window.most for window in limits.windows if window.is_long), default=0):
        # Those that were worth more than one guess have a star, and fill the window with fewer.
        may_be |= Q(length__gte=least * FAILURE_LENGTH - 1) | Q(failures__contains="*")
    return may_be
