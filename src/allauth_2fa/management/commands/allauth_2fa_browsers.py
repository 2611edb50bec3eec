"""``manage.py allauth_2fa_browsers``: delete known browsers that were not used for a long time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from allauth_2fa.browsers import device_cookie

from .allauth_2fa_audit import moment

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from datetime import datetime


class Command(BaseCommand):
    """Deletes old browsers. Their users must verify there again; nobody is signed out."""

    help = "Forget the browsers that were not used for a long time."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        tasks = parser.add_subparsers(dest="task", required=True)
        prune = tasks.add_parser("prune", help="Delete the rows of browsers that were not used for a long time.")
        prune.add_argument(
            "--unseen", metavar="MOMENT", default="365d", help="Not used since then: 2026-01-31, 90d, 52w. Default: %(default)s."
        )
        prune.add_argument("--dry-run", action="store_true", help="Print how many rows would be deleted, and delete nothing.")

    def handle(self, **options: Any) -> None:
        before: datetime = moment(options["unseen"])
        if before > timezone.now():
            raise CommandError("--unseen must be in the past.")
        number = device_cookie.count_unseen(before) if options["dry_run"] else sum(device_cookie.prune(before))
        done = "Would forget" if options["dry_run"] else "Forgot"
        self.stdout.write(f"{done} {number} browsers not used since {before.isoformat(timespec='seconds')}.")
