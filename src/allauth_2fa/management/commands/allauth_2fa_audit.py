"""``manage.py allauth_2fa_audit``: export and prune the audit log."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from allauth_2fa.audit import log
from allauth_2fa.audit.events import EVENTS

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from datetime import datetime

FORMATS = {"jsonl": log.as_jsonl, "csv": log.as_csv}

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> datetime:
    """Return the time that a text names: a date or time in ISO 8601, or an age in hours, days or weeks (``90d``).

    Raises:
        CommandError: the text is none of these.
    """
    try:
        if ago := re.fullmatch(r"(\d{1,6})([hdw])", text, re.ASCII):
            return timezone.now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        found = parse_datetime(text)  # A date alone is the midnight with which it begins.
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise CommandError(f"'{text}' is not a time. Use a date (2026-01-31), a time (2026-01-31T08:00:00Z) or an age (12h, 90d, 52w).")
    return timezone.make_aware(found) if timezone.is_naive(found) else found


class Command(BaseCommand):
    """Prints the audit log, or deletes its old rows."""

    help = "Export the audit log of two-factor authentication, or delete its old rows."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        tasks = parser.add_subparsers(dest="task", required=True)
        export = tasks.add_parser("export", help="Print the rows, oldest first.")
        export.add_argument("--format", choices=sorted(FORMATS), default="jsonl", help="Default: %(default)s.")
        export.add_argument("--since", metavar="MOMENT", help="Only rows since then: 2026-01-31, 2026-01-31T08:00:00Z, 12h, 90d, 52w.")
        prune = tasks.add_parser("prune", help="Delete old rows permanently. Nothing else deletes rows.")
        prune.add_argument("--older-than", metavar="MOMENT", required=True, help="Delete rows older than this. Same format as --since.")
        prune.add_argument("--batch-size", type=int, default=log.BATCH_SIZE, help="Rows per statement (default: %(default)s).")
        prune.add_argument("--dry-run", action="store_true", help="Print how many rows would be deleted, and delete nothing.")
        for task in (export, prune):
            task.add_argument("--event", action="append", default=[], choices=sorted(EVENTS), help="Only this event. Can be repeated.")

    def handle(self, *, task: str, **options: Any) -> None:
        if task == "export":
            self._export(options["format"], options["since"], options["event"])
        else:
            self._prune(moment(options["older_than"]), options["event"], options["batch_size"], dry_run=options["dry_run"])

    def _export(self, kind: str, since: str | None, events: list[str]) -> None:
        for line in FORMATS[kind](log.rows(moment(since) if since else None, events)):
            self.stdout.write(line)

    def _prune(self, before: datetime, events: list[str], batch_size: int, *, dry_run: bool) -> None:
        if batch_size < 1:
            raise CommandError("--batch-size must be 1 or more.")
        if before > timezone.now():
            raise CommandError("--older-than must be in the past.")
        number = log.count(before, events) if dry_run else sum(log.prune(before, events, batch_size))
        done = "Would delete" if dry_run else "Deleted"
        self.stdout.write(f"{done} {number} rows older than {before.isoformat(timespec='seconds')}.")
