"""Base class of the support commands: they take a user, a reason, and the name of the person who acts."""

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
    """Base class of commands that change the second factor of one user. The reason goes to the audit log."""

    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the user, the reason, and the person who acts."""
        parser.add_argument("user", help="The user name, as typed at the login.")
        parser.add_argument("--reason", required=True, help="The reason. It is written to the audit log.")
        parser.add_argument("--by", metavar="USER", help="The user who runs the command, for the audit log. Default: the console.")

    def handle(self, *, user: str, reason: str, by: str | None, **options: Any) -> None:
        """Find the user and the actor, and call :meth:`act`.

        Raises:
            CommandError: the reason is empty, a user does not exist, or the actor may not do this.
        """
        if not reason.strip():
            raise CommandError("--reason must not be empty.")
        actor = self._find(by) if by else staff.console()
        try:
            self.act(self._find(user), actor, reason, **options)
        except PermissionDenied:
            raise CommandError("Only a superuser can do this to a superuser.") from None

    @abstractmethod
    def act(self, user: Any, actor: Any, reason: str, **options: Any) -> None:
        """Change the second factor of ``user``, in the name of ``actor``."""

    def _find(self, name: str) -> Any:
        try:
            return support.find(name)
        except LookupError:
            raise CommandError(f"There is no user '{name}'.") from None
