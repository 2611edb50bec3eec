"""``manage.py allauth_2fa_migrate``: copy devices to ``allauth.mfa``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from allauth_2fa.transfer.allauth_mfa import BATCH_SIZE, transfer
from allauth_2fa.transfer.report import Note, Outcome, Remark, Report, TransferError

if TYPE_CHECKING:
    from argparse import ArgumentParser

COUNTED_ONLY = {Remark.HASHED, Remark.CODES_OFF}
"""Remarks that may concern every user of a site: their lines are shown only with ``--verbosity 2``."""


class Command(BaseCommand):
    """Runs the transfer and prints its report."""

    help = (
        "Copy authenticator apps and readable recovery codes to allauth.mfa. Nothing is removed, and users who are already there stay "
        "unchanged. You can run it again. It lists what it cannot copy and counts every user."
    )
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print what would be done, and write nothing.")
        parser.add_argument(
            "--batch-size",
            type=int,
            default=BATCH_SIZE,
            help="Users to hold in memory and write in one transaction (default: %(default)s).",
        )

    def handle(self, *, dry_run: bool, batch_size: int, verbosity: int, **_options: Any) -> None:
        if batch_size < 1:
            raise CommandError("--batch-size must be 1 or more.")

        def tell(note: Note) -> None:
            if verbosity > 1 or (verbosity and note.remark not in COUNTED_ONLY):
                detail = f" ({note.detail})" if note.detail else ""
                self.stdout.write(f"user {note.user_id}, {note.subject}: {note.remark.value}{detail}")

        try:
            report = transfer(batch_size=batch_size, dry_run=dry_run, tell=tell)
        except TransferError as error:
            raise CommandError(str(error)) from error
        self._summarize(report, dry_run=dry_run, verbosity=verbosity)

    def _summarize(self, report: Report, *, dry_run: bool, verbosity: int) -> None:
        self.stdout.write(f"{'Would create' if dry_run else 'Created'} {report.created.total()} Authenticators")
        if not verbosity:
            return
        for kind, number in sorted(report.created.items()):
            self.stdout.write(f"  {number} {kind}")
        self.stdout.write(f"{report.users.total()} users:")
        for outcome in Outcome:
            if report.users[outcome]:
                self.stdout.write(f"  {report.users[outcome]} {outcome.value}")
        if report.remarks:
            self.stdout.write("Check these:")
            for remark in Remark:
                if report.remarks[remark]:
                    self.stdout.write(f"  {report.remarks[remark]} {remark.value}")
