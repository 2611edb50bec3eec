"""The settings of this package in one table. They are read when they are used, never at import.

``app_settings.BACKUP_TOKENS_NUMBER`` is the value of ``ALLAUTH_2FA_BACKUP_TOKENS_NUMBER``, or its default.
The system checks and the test of the documentation iterate over :data:`SETTINGS`.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.account import app_settings as account_settings
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "ALLAUTH_2FA_"


class Setting(NamedTuple):
    """One setting: its name without the prefix, its type, its default and its meaning."""

    name: str
    kind: type | tuple[type, ...]
    default: Callable[[], Any]
    meaning: str
    minimum: int | None = None

    @property
    def full_name(self) -> str:
        """The name in a project's settings."""
        return PREFIX + self.name

    @property
    def kind_name(self) -> str:
        """The name of the type, or of the types, such as "bool or dict"."""
        return " or ".join(kind.__name__ for kind in self.kinds)

    @property
    def kinds(self) -> tuple[type, ...]:
        """The types that the value may have."""
        return self.kind if isinstance(self.kind, tuple) else (self.kind,)

    @property
    def is_secret(self) -> bool:
        """Whether the value is secret. No check, report or message shows a secret value."""
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
            "The factors that are on, in order: ids and paths of classes. Empty: every factor with an installed app.",
        ),
        Setting(
            "ENCRYPTION_KEYS",
            list,
            list,
            "The keys that encrypt secrets in the database, the newest first. Empty: secrets are stored unencrypted.",
        ),
        Setting(
            "FORMS",
            dict,
            dict,
            "The project's own form classes: keys authenticate, setup, remove, reauthenticate, add, add_passkey, rename.",
        ),
        Setting("SETUP_SUCCESS_URL", str, lambda: "two-factor-backup-tokens", "Where to go after the setup."),
        Setting("REMOVE_SUCCESS_URL", str, lambda: "two-factor-setup", "Where to go after the removal."),
        Setting("REQUIRE_OTP_ON_DEVICE_REMOVAL", bool, lambda: True, "Whether the removal page asks for a code."),
        Setting("BACKUP_TOKENS_NUMBER", int, lambda: 10, "Number of recovery codes in a set.", minimum=1),
        Setting(
            "ALWAYS_REVEAL_BACKUP_TOKENS",
            bool,
            lambda: False,
            "Whether new recovery codes are stored readable and shown on every visit, as in 0.x.",
        ),
        Setting(
            "FAILURE_LIMITS",
            dict,
            lambda: {"unknown": ["5/5m", "10/h", "20/d", "33/365d"], "known": ["5/5m", "20/h", "50/d", "100/row"]},
            "How many codes may be wrong: in all new browsers of a user together (unknown), and in each known one (known).",
        ),
        Setting(
            "NOTIFY",
            (bool, dict),
            lambda: True,
            "Whether owners get mails about events: for all events, or by event (an event that is not named is mailed).",
        ),
        Setting("MAX_DEVICES", int, lambda: 10, "Most devices per user, not counting recovery codes.", minimum=1),
        Setting("PASSKEY_LOGIN", bool, lambda: False, "Whether passkeys can sign in without a password."),
        Setting(
            "REAUTHENTICATION_TIMEOUT",
            int,
            lambda: 300,
            "How many seconds after an authentication the user may change the second factor.",
            minimum=1,
        ),
        Setting(
            "GUARD_RECHECK",
            int,
            lambda: 300,
            "How many seconds the guard relies on its last check of a session that needed no second factor.",
            minimum=0,
        ),
        Setting("REQUIRED", object, lambda: "nobody", "Who must have a second factor: words, groups, paths, callables."),
        Setting("REQUIRED_FACTORS", dict, dict, "Which factors satisfy the requirement, for which users: words to lists of ids."),
        Setting("REQUIRED_FROM", date, lambda: None, "The first day of the requirement. None: it always applies."),
        Setting(
            "GRACE_PERIOD",
            int,
            lambda: 0,
            "How many days a user has to set up a factor, from the first day the requirement applies.",
            minimum=0,
        ),
        Setting("TRUST_DAYS", int, lambda: 0, "For how many days a user may trust a browser. 0: browsers cannot be trusted.", minimum=0),
        Setting("TRUST_STAFF", bool, lambda: True, "Whether staff and superusers may trust browsers too."),
    )
}


def __getattr__(name: str) -> Any:
    """Return the value of the setting with that name (PEP 562).

    Raises:
        AttributeError: there is no such setting.
    """
    try:
        return SETTINGS[name].read()
    except KeyError:
        raise AttributeError(name) from None
