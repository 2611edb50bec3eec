"""``manage.py allauth_2fa_secrets``: inspect, encrypt, rotate and decrypt the secrets and codes in the database."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django_otp import device_classes
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from allauth_2fa.encryption import cipher
from allauth_2fa.encryption.columns import columns
from allauth_2fa.encryption.sweep import BATCH_SIZE, Action, State, Tally, sweep, total
from allauth_2fa.models import RecoveryDevice

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from allauth_2fa.encryption.columns import AtRest

WORK_LEFT, LOST, INTERRUPTED = 3, 4, 130
"""Exit codes, besides 0 for success and 1 for a command that could not run."""

WORDS = {
    State.NEWEST: "encrypted with the newest key",
    State.OLDER: "encrypted with an older key",
    State.DIGEST: "kept as digests",
    State.READABLE: "readable",
    State.EMPTY: "empty",
}

DONE = {Action.ENCRYPT: "encrypted", Action.ROTATE: "encrypted again", Action.DECRYPT: "decrypted"}


class Command(BaseCommand):
    """Runs the sweep over each column and prints its counts. It never prints a secret or a code."""

    help = (
        "status: count the encrypted values by key. encrypt: encrypt the readable values. rotate: encrypt the values of older keys with "
        "the newest key. decrypt: make everything readable again. You can interrupt each of them and run it again."
    )
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=[action.value for action in Action])
        parser.add_argument("--dry-run", action="store_true", help="Print what would be done, and write nothing.")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON, and nothing else.")
        parser.add_argument(
            "--batch-size",
            type=int,
            default=BATCH_SIZE,
            help="Rows to hold in memory and write in one transaction (default: %(default)s).",
        )

    def handle(self, *, action: str, batch_size: int, verbosity: int, **options: Any) -> None:
        if batch_size < 1:
            raise CommandError("--batch-size must be 1 or more.")
        self.action, self.batch_size, self.dry_run = Action(action), batch_size, options["dry_run"]
        self.verbosity = 0 if options["json"] else verbosity
        tallies = self._sweep_all()
        if options["json"]:
            self.stdout.write(json.dumps(self._as_json(tallies), indent=2))
        else:
            self._print(tallies)
        self._judge(tallies)

    def _sweep_all(self) -> dict[str, Tally]:
        try:
            if not cipher.site_keys() and self.action is not Action.STATUS:
                raise CommandError(f"ALLAUTH_2FA_ENCRYPTION_KEYS is empty: there is no key to {self.action.value} with.")
            return {column.column_name: self._sweep(column) for column in columns()}
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted. No value is half written. Run it again to continue.", returncode=INTERRUPTED) from None

    def _sweep(self, column: AtRest) -> Tally:
        rows, tally = total(column), Tally()
        for tally in sweep(column, self.action, batch_size=self.batch_size, dry_run=self.dry_run):
            if self.verbosity > 1:
                for pk in tally.lost:
                    self.stdout.write(f"{column.column_name} of row {pk} cannot be read")
            if self.verbosity and rows > self.batch_size:
                self.stdout.write(f"{column.column_name}: {tally.rows} of {rows}")
                self.stdout.flush()
        return tally

    # Output

    def _as_json(self, tallies: dict[str, Tally]) -> dict[str, Any]:
        return {
            "action": self.action.value,
            "dry_run": self.dry_run,
            "columns": {
                column_name: {
                    "rows": tally.rows,
                    **{state.value: tally.found[state] for state in State},
                    "changed": tally.changed,
                    "busy": tally.busy,
                }
                for column_name, tally in tallies.items()
            },
            "keys": _secrets_by_key(tallies),
            "lost": _reasons(tallies),
            "readable_recovery_codes": StaticToken.objects.count(),
            "other_devices": _other_devices(),
        }

    def _print(self, tallies: dict[str, Tally]) -> None:
        for column_name, tally in tallies.items():
            self.stdout.write(f"{column_name}: {tally.rows} rows")
            for state, words in WORDS.items():
                if tally.found[state]:
                    self.stdout.write(f"  {tally.found[state]} {words}")
            for reason, number in sorted(tally.reasons.items()):
                self.stdout.write(f"  {number} cannot be read: {reason}")
            if self.action in DONE and tally.rows:
                self.stdout.write(f"  {'would be' if self.dry_run else 'now'} {DONE[self.action]}: {tally.changed}")
            if tally.busy:
                self.stdout.write(f"  {tally.busy} were busy on every try")
        if self.action is Action.STATUS and self.verbosity:
            self._print_keys(tallies)
            self._print_what_stays()

    def _print_keys(self, tallies: dict[str, Tally]) -> None:
        self.stdout.write("Keys, newest first:")
        for number, (key, secrets) in enumerate(_secrets_by_key(tallies).items()):
            self.stdout.write(f"  {key}: {secrets} secrets{', can be removed' if number and not secrets else ''}")

    def _print_what_stays(self) -> None:
        self.stdout.write("Not encrypted:")
        self.stdout.write(f"  {StaticToken.objects.count()} readable recovery codes, which go when their owners create new ones")
        for label, number in _other_devices().items():
            self.stdout.write(f"  {number} of {label}, which manages its own columns")

    def _judge(self, tallies: dict[str, Tally]) -> None:
        """Raise CommandError with an exit code if secrets are unreadable, or if rows still have to be changed."""
        lost = sum(_reasons(tallies).values())
        if lost:
            raise CommandError(f"{lost} secrets cannot be read; --verbosity 2 lists their rows.", returncode=LOST)
        busy = sum(tally.busy for tally in tallies.values())
        if busy:
            raise CommandError(f"{busy} rows were busy. Run it again.", returncode=WORK_LEFT)
        readable, older = (sum(tally.found[state] for tally in tallies.values()) for state in (State.READABLE, State.OLDER))
        if self.action is Action.STATUS and (readable or older):
            raise CommandError(f"{readable} readable, {older} encrypted with an older key.", returncode=WORK_LEFT)


def _secrets_by_key(tallies: dict[str, Tally]) -> dict[str, int]:
    """Return the number of secrets that are encrypted with each of the site's keys, the newest key first."""
    return {key.id: sum(tally.keys[key.id] for tally in tallies.values()) for key in cipher.site_keys()}


def _reasons(tallies: dict[str, Tally]) -> dict[str, int]:
    """Return the number of unreadable secrets by reason."""
    return dict(sum((tally.reasons for tally in tallies.values()), Counter[str]()))


def _other_devices() -> dict[str, int]:
    """Return the number of devices of each model that is neither encrypted nor known to this package."""
    looked_at = {column.model for column in columns()} | {StaticDevice, RecoveryDevice}
    others = (model for model in device_classes() if not looked_at.intersection(model.__mro__))
    return {model.model_label(): number for model in others if (number := model._base_manager.count())}
