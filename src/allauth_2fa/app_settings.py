"""The settings of this package: one table, read when used and never at import.

``app_settings.BACKUP_TOKENS_NUMBER`` gives the value of ``ALLAUTH_2FA_BACKUP_TOKENS_NUMBER``, or its default.
The system checks and the documentation's test iterate over :data:`SETTINGS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from allauth.account import app_settings as account_settings
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "ALLAUTH_2FA_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the name without its prefix, what it may hold, and what it is when it is left out."""

    name: str
    kind: type | tuple[type, ...]
    default: Callable[[], Any]
    meaning: str
    minimum: int | None = None

    @property
    def full_name(self) -> str:
        """The name as it stands in a project's settings."""
        return PREFIX + self.name

    @property
    def is_secret(self) -> bool:
        """Whether the value is nobody's business: no check, no report and no message shows it."""
        return "KEY" in self.name or "SECRET" in self.name

    def read(self) -> Any:
        """Return the project's value, or the default."""
        return getattr(settings, self.full_name) if hasattr(settings, self.full_name) else self.default()


SETTINGS: Mapping[str, Setting] = {
    row.name: row
    for row in (
        Setting("TEMPLATE_EXTENSION", str, lambda: account_settings.TEMPLATE_EXTENSION, "File extension of the page templates."),
        Setting(
            "FACTORS",
            list,
            list,
            "Which factors there are, in their order: ids and paths of classes. Empty: all whose apps are installed.",
        ),
        Setting(
            "ENCRYPTION_KEYS",
            list,
            list,
            "The keys by which secrets are encrypted in the database, the newest first. Empty: secrets are stored readable.",
        ),
        Setting(
            "FORMS",
            dict,
            dict,
            "Form classes of the project: keys authenticate, setup, remove, reauthenticate, add, add_passkey, rename.",
        ),
        Setting("SETUP_SUCCESS_URL", str, lambda: "two-factor-backup-tokens", "Where a finished setup leads."),
        Setting("REMOVE_SUCCESS_URL", str, lambda: "two-factor-setup", "Where a finished removal leads."),
        Setting("REQUIRE_OTP_ON_DEVICE_REMOVAL", bool, lambda: True, "Whether the removal page itself asks for a code."),
        Setting("BACKUP_TOKENS_NUMBER", int, lambda: 3, "How many recovery codes are made at a time.", minimum=1),
        Setting(
            "ALWAYS_REVEAL_BACKUP_TOKENS",
            bool,
            lambda: False,
            "Store new recovery codes readable and show them on every visit, as 0.x did.",
        ),
        Setting(
            "FAILURE_LIMITS",
            dict,
            lambda: {"unknown": ["5/5m", "10/h", "20/d", "33/365d"], "known": ["5/5m", "20/h", "50/d", "100/row"]},
            "How many codes may be wrong: in the browsers that a user has not verified in, and in each one that he has.",
        ),
        Setting("NOTIFY", bool, lambda: True, "Whether owners get mails about what happens to their second factor."),
        Setting("NOTIFY_EXCEPT", list, list, "Events of which they get none."),
        Setting("MAX_DEVICES", int, lambda: 10, "How many devices one user may hold, recovery codes not counted.", minimum=1),
        Setting("PASSKEY_LOGIN", bool, lambda: False, "Whether a passkey that is enrolled for it signs in without a password."),
        Setting(
            "REAUTHENTICATION_TIMEOUT",
            int,
            lambda: 300,
            "For how many seconds a proof allows changes to the second factor.",
            minimum=1,
        ),
        Setting(
            "GUARD_RECHECK",
            int,
            lambda: 300,
            "For how many seconds a session that owed no proof is believed before it is looked at again.",
            minimum=0,
        ),
        Setting("REQUIRED", object, lambda: "nobody", "Of whom a second factor is required: words, groups, paths, callables."),
        Setting("REQUIRED_FACTORS", dict, dict, "Which factors satisfy the requirement, by whom: words to lists of ids."),
        Setting("REQUIRED_FROM", date, lambda: None, "From which day on anything is required. None: always."),
        Setting("GRACE_PERIOD", int, lambda: 0, "How many days a user has from the first meeting with the requirement.", minimum=0),
        Setting("TRUST_ENABLED", bool, lambda: False, "Whether users may have a browser trusted, in which no code is asked for then."),
        Setting("TRUST_DAYS", int, lambda: 30, "For how many days a browser is trusted.", minimum=1),
        Setting("TRUST_STAFF", bool, lambda: True, "Whether staff and superusers may, too."),
    )
}


def __getattr__(name: str) -> Any:
    """Return the value of the setting of that name (PEP 562)."""
    try:
        return SETTINGS[name].read()
    except KeyError:
        raise AttributeError(name) from None
