"""``manage.py allauth_2fa_status``: count the users with a second factor, and list locks."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from allauth_2fa import support
from allauth_2fa.audit import log
from allauth_2fa.budget import locks

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from allauth_2fa.budget.budget import Budget
    from allauth_2fa.models import Lock


class Command(BaseCommand):
    """Prints how many users have a second factor. The exit code is 1 if the share is below ``--fail-below``."""

    help = "Print how many active users have a second factor, by factor and by group."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=["text", "json"], default="text", help="Default: %(default)s.")
        parser.add_argument("--fail-below", type=float, metavar="PERCENT", help="Exit with 1 if fewer users have a second factor.")
        parser.add_argument(
            "--of",
            metavar="GROUP",
            default="users",
            help="The users to count for --fail-below: users (default), staff, superuser, required, 'group NAME'.",
        )
        parser.add_argument("--locked", action="store_true", help="List the current locks instead: user, browser, start and end.")

    def handle(self, **options: Any) -> None:
        if options["locked"]:
            self._list_locks(options["format"])
            return
        counts = support.counts()
        share = _share(counts, options["of"])
        self.stdout.write(json.dumps(counts, indent=2) if options["format"] == "json" else "\n".join(_lines(counts)))
        if options["fail_below"] is not None and share < options["fail_below"]:
            self.stderr.write(f"{share:.1f} % of {options['of']} have a second factor, fewer than {options['fail_below']:g} %.")
            sys.exit(1)

    def _list_locks(self, output: str) -> None:
        found = [_lock(row, budget) for row, budget in locks.all_locks()]
        if output == "json":
            self.stdout.write(json.dumps(found, indent=2))
            return
        self.stdout.write(f"Locks: {len(found)}.")
        for lock in found:
            until = f"until {lock['until']}" if lock["until"] else "until unblocked"
            self.stdout.write(f"  {log.clean(lock['user']):<32} {log.clean(lock['where']):<32} since {lock['since'] or '?'}, {until}")


def _lock(row: Lock, budget: Budget) -> dict[str, Any]:
    since, until = budget.since, budget.lock and budget.lock.until
    return {
        "user": row.user.get_username(),
        "where": budget.scope,
        "since": since and since.isoformat(timespec="seconds"),
        "until": until and until.isoformat(timespec="seconds"),
    }


def _share(counts: dict[str, Any], of: str) -> float:
    """Return the percentage of users in the group who have a factor; 100 for an empty group.

    Raises:
        CommandError: there is no such group.
    """
    pair = counts if of == "users" else counts["by_group"].get(of)
    if pair is None:
        raise CommandError(f"There is no '{of}'. There are: users, {', '.join(counts['by_group'])}.")
    return 100 * pair["with_factor"] / pair["users"] if pair["users"] else 100.0


def _lines(counts: dict[str, Any]) -> list[str]:
    lines = [f"{counts['with_factor']} of {counts['users']} active users have a second factor.", "", "Users by factor:"]
    lines += [f"  {name:<32} {number:>8}" for name, number in counts["by_factor"].items()]
    lines += ["", "Users with a factor, by group:"]
    lines += [f"  {name:<32} {pair['with_factor']:>8} of {pair['users']}" for name, pair in counts["by_group"].items()]
    lines += ["", "Users by requirement:"]
    return lines + [f"  {name:<32} {number:>8}" for name, number in counts["requirement"].items()]
