"""``manage.py allauth_2fa_reset``: remove all factors of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth_2fa import support
from allauth_2fa.management.support import SupportCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(SupportCommand):
    """Removes all factors of a user, ends the sessions, and mails the user."""

    help = "Remove all second factors, recovery codes and known browsers of a user, end their sessions, and mail them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-input", action="store_false", dest="interactive", help="Do not ask for confirmation.")

    def act(self, user: Any, actor: Any, reason: str, **options: Any) -> None:
        name = user.get_username()
        if (
            options["interactive"]
            and input(f"Remove all second factors of '{name}'? They can then sign in with their password only. Type 'yes': ") != "yes"
        ):
            self.stdout.write("Nothing was changed.")
            return
        support.reset(user, actor, reason)
        self.stdout.write(f"All second factors of '{name}' are removed, and all their sessions are ended.")
