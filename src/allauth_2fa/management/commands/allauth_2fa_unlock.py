"""``manage.py allauth_2fa_unlock``: open the locks of a user."""

from __future__ import annotations

from typing import Any

from allauth_2fa import support
from allauth_2fa.management.support import SupportCommand


class Command(SupportCommand):
    """Opens the user's locks, resets the counted wrong codes, and mails the user."""

    help = "Unblock the codes of a user, reset the count of wrong codes, and mail the user. Devices and codes stay."

    def act(self, user: Any, actor: Any, reason: str, **options: Any) -> None:
        name = user.get_username()
        try:
            opened = support.unlock(user, actor, reason, "command")
        except LookupError:
            self.stdout.write(f"'{name}' has no blocked codes and no counted wrong codes. Nothing was changed.")
            return
        if opened:
            self.stdout.write(f"Unblocked for '{name}': {', '.join(opened)}. The count of wrong codes is reset.")
        else:
            self.stdout.write(f"'{name}' had no blocked codes. The count of wrong codes is reset.")
