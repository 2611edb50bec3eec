"""``manage.py allauth_2fa_unlock``: open the locks of a user."""

from __future__ import annotations

from typing import Any

from allauth_2fa import support
from allauth_2fa.management.support import SupportCommand


class Command(SupportCommand):
    """Opens the user's locks, resets the counted wrong codes, and mails the user."""

    help = "Open the locks of a user, forget the wrong codes that were counted, and mail the user. Devices and codes stay."

    def act(self, user: Any, actor: Any, reason: str, **options: Any) -> None:
        name = user.get_username()
        try:
            opened = support.unlock(user, actor, reason, "command")
        except LookupError:
            self.stdout.write(f"Nothing is locked for '{name}', and no wrong code is counted. Nothing was changed.")
            return
        if opened:
            self.stdout.write(f"Opened for '{name}': {', '.join(opened)}. What was counted is forgotten.")
        else:
            self.stdout.write(f"Nothing was locked for '{name}'. The wrong codes that were counted are forgotten.")
