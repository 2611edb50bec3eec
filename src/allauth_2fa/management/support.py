"""What the commands of support share: a user by name, a reason, and who does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError

from allauth_2fa import support
from allauth_2fa.devices import staff

if TYPE_CHECKING:
    from argparse import ArgumentParser


class SupportCommand(BaseCommand, ABC):
    """Does something to the second factor of one user, for a reason that goes to the audit log."""

    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the user, the reason, and who does it."""
        parser.add_argument("user", help="The user's name, as at the login.")
        parser.add_argument("--reason", required=True, help="Why. It goes to the audit log.")
        parser.add_argument("--by", metavar="USER", help="Who does it, for the audit log. Default: the console.")

    def handle(self, *, user: str, reason: str, by: str | None, **options: Any) -> None:
        """Find the people, and act."""
        if not reason.strip():
            raise CommandError("--reason must say something.")
        actor = self._find(by) if by else staff.console()
        try:
            self.act(self._find(user), actor, reason, **options)
        except PermissionDenied:
            raise CommandError("Only a superuser may do this to a superuser.") from None

    @abstractmethod
    def act(self, user: Any, actor: Any, reason: str, **options: Any) -> None:
        """Do it."""

    def _find(self, name: str) -> Any:
        try:
            return support.find(name)
        except LookupError:
            raise CommandError(f"There is no user '{name}'.") from None
