"""``manage.py allauth_2fa_doctor``: print how two-factor authentication is installed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from allauth_2fa.management import doctor

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

NOTHING = "(none)"


class Command(BaseCommand):
    """Prints the report of :mod:`allauth_2fa.management.doctor`."""

    help = (
        "Print how two-factor authentication is wired: versions, settings, middleware, login stages, factors, pages, sessions, other "
        "logins, and the results of the checks. It shows no secret and no user data. The exit code is 1 if there is an error."
    )
    # The report contains the checks, and it must also be printed where they fail.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print JSON.")
        parser.add_argument("--counts", action="store_true", help="Also count the users by factor, which takes a while on a large site.")

    def handle(self, *, json: bool, counts: bool, **_options: Any) -> None:
        parts = doctor.report(counts=counts)
        self.stdout.write(_as_json(parts) if json else "\n".join(_as_text(parts)))
        if doctor.count(parts, "error"):
            raise SystemExit(1)


def _as_json(parts: dict[str, Any]) -> str:
    return json.dumps(parts, indent=2, default=str)


def _as_text(parts: dict[str, Any]) -> Iterator[str]:
    for name, part in parts.items():
        yield f"## {name}"
        yield from [f"  {line}" for line in _lines(part)] or [f"  {NOTHING}"]
        yield ""
    yield f"errors: {doctor.count(parts, 'error')}, warnings: {doctor.count(parts, 'warning')}"


def _lines(part: Any) -> Iterator[str]:
    """Yield the lines of a part: a list gets numbers, a dict gets its keys."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield f"{name}: {'' if isinstance(value, list) else value}".rstrip()
            if isinstance(value, list):
                yield from (f"  {line}" for line in _lines(value))
        return
    for number, entry in enumerate(part, 1):
        if isinstance(entry, dict):
            yield f"{number}. " + " | ".join(str(value) for value in entry.values() if value)
        else:
            yield f"{number}. {entry}"
