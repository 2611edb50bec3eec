"""The report of a transfer: one outcome for each user, and remarks on devices that need attention."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Self

from allauth_2fa.exceptions import TwoFactorError


class TransferError(TwoFactorError):
    """The other package is not installed, or not set up to accept devices."""


class Outcome(Enum):
    """What happened to a user. Each user has exactly one outcome."""

    MOVED = "moved"
    PRESENT = "already in allauth.mfa, unchanged"
    UNFIT = "not moved: allauth.mfa would refuse every code of their authenticator app"
    OTHER = "not moved: only devices of other kinds"
    CODES_ONLY = "not moved: recovery codes alone are not a second factor"
    UNFINISHED = "not moved: setup never finished, or no codes left"
    WITHOUT = "without any device"


class Remark(Enum):
    """What an administrator should look at. A user may have none or several."""

    SPARE = "not moved: allauth.mfa keeps one authenticator app per user, and another one was used last or set up first"
    UNFIT = "not moved: its codes do not match the settings of allauth.mfa"
    CLOCK = "moved, but its clock was further off than MFA_TOTP_TOLERANCE allows"
    OTHER = "not moved: a device of another kind"
    NO_PRIMARY = "not moved: recovery codes of a user without another authenticator in allauth.mfa"
    CODES_OFF = "not moved: recovery codes, because MFA_SUPPORTED_TYPES does not include them"
    HASHED = "not moved: recovery codes, because only their digests are stored"


class Note(NamedTuple):
    """One remark about a device or the codes of one user. It never holds a secret or a code."""

    remark: Remark
    user_id: object
    subject: str
    detail: str = ""


@dataclass(slots=True)
class Report:
    """Counts: rows by authenticator type, users by outcome, notes by remark."""

    created: Counter[str] = field(default_factory=Counter)
    users: Counter[Outcome] = field(default_factory=Counter)
    remarks: Counter[Remark] = field(default_factory=Counter)

    def __iadd__(self, other: Report) -> Self:
        self.created += other.created
        self.users += other.users
        self.remarks += other.remarks
        return self
