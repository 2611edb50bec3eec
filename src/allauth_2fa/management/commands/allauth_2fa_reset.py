"""``manage.py allauth_2fa_reset``: remove all factors of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth_2fa import support
from allauth_2fa.management.support import SupportCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(SupportCommand):
    """Removes all factors of a user, ends the sessions, and mails the user."""

    help = "Remove all factors of a user, recovery codes and known browsers too, end the sessions, and mail the user."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-input", action="store_false", dest="interactive", help="Do not ask whether it is meant.")

    def act(self, user: Any, actor: Any, reason: str, **options: Any) -> None:
        name = user.get_username()
        if options["interactive"] and input(f"Remove all factors of '{name}'? The password alone will do then. Type 'yes': ") != "yes":
            self.stdout.write("Nothing was changed.")
            return
        support.reset(user, actor, reason)
        self.stdout.write(f"All factors of '{name}' are removed, and the sessions are ended.")
