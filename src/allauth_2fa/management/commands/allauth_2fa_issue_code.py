"""``manage.py allauth_2fa_issue_code``: issue one recovery code for a user who has lost all devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from allauth_2fa import support
from allauth_2fa.management.support import SupportCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(SupportCommand):
    """Prints one recovery code that expires, and mails the user that it was issued."""

    help = "Issue one recovery code that expires. First check the identity of the caller: the code replaces the user's devices."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--hours", type=float, default=support.CODE_HOURS, help="How many hours it is valid (default: %(default)s).")

    def act(self, user: Any, actor: Any, reason: str, **options: Any) -> None:
        if not 0 < options["hours"] <= support.MOST_CODE_HOURS:
            raise CommandError(f"--hours must be more than 0 and at most {support.MOST_CODE_HOURS}.")
        try:
            code = support.issue_code(user, actor, reason, options["hours"])
        except LookupError:
            raise CommandError(
                f"'{user.get_username()}' cannot use a recovery code: they have no second factor, or recovery codes are not allowed."
            ) from None
        self.stdout.write(code)
        self.stderr.write(f"It works once, for {options['hours']:g} hours, together with the password of '{user.get_username()}'.")
