"""The closing table."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.db.models import Count

from allauth_2fa.models.audit import AuditEntry
from soak.ledger import DIED
from tests.concurrency.server import PROCESSES

if TYPE_CHECKING:
    from argparse import Namespace

    from soak.ledger import Ledger
    from soak.run import Run


def table(asked: Namespace, run: Run, ledger: Ledger) -> str:
    """Return what was done, what came of it, and what the audit log holds."""
    outcomes = Counter((entry.act, entry.outcome) for entry in ledger.entries)
    done_by_dead = Counter(entry.done for entry in ledger.entries if entry.outcome == DIED)
    logged = AuditEntry.objects.order_by("event").values_list("event").annotate(number=Count("pk"))
    parts = Counter((entry.act, " ".join(sorted(entry.events)) or "nothing") for entry in ledger.entries if entry.done == "partly")
    rows: list[tuple[str, object]] = [
        ("worker processes", PROCESSES),
        ("each request is one transaction", "no" if asked.autocommit else "yes"),
        ("seconds", round(run.seconds)),
        ("workers killed", run.kills),
        ("logins while the cache was stopped", run.without_cache),
        ("error pages", sum("error page" in line for line in ledger.complaints)),
        *sorted(ledger.seen.items()),
        *((f"{act}: {outcome}", number) for (act, outcome), number in sorted(outcomes.items())),
        *((f"connection died, done: {done}", number) for done, number in sorted(done_by_dead.items())),
        *((f"done in part: {act}, the audit log has {events}", number) for (act, events), number in sorted(parts.items())),
        *((f"audit log: {event}", number) for event, number in logged),
    ]
    width = max(len(name) for name, _number in rows)
    return "\n".join(f"{name:<{width}}  {number:>7}" for name, number in rows)
