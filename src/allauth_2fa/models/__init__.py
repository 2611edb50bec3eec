"""The models of this package, for data that django-otp has no model for."""

from .audit import AuditEntry
from .browsers import FAILURE_LENGTH, Browser, KnownBrowsers, Lock
from .device_options import DeviceOptions
from .exemptions import Exemption, FirstMet
from .recovery import (
    ALPHABET,
    CODE_LENGTH,
    GROUP,
    ITERATIONS,
    LOOKALIKES,
    SALT_LENGTH,
    RecoveryCode,
    RecoveryDevice,
    digest_recovery_code,
    grouped,
    is_recovery_code,
    normalize_recovery_code,
)
from .sent_codes import SentCode
from .users import SessionsEnd, lock_user
from .write import insert_or_update

__all__ = [
    "ALPHABET",
    "CODE_LENGTH",
    "FAILURE_LENGTH",
    "GROUP",
    "ITERATIONS",
    "LOOKALIKES",
    "SALT_LENGTH",
    "AuditEntry",
    "Browser",
    "DeviceOptions",
    "Exemption",
    "FirstMet",
    "KnownBrowsers",
    "Lock",
    "RecoveryCode",
    "RecoveryDevice",
    "SentCode",
    "SessionsEnd",
    "digest_recovery_code",
    "grouped",
    "insert_or_update",
    "is_recovery_code",
    "lock_user",
    "normalize_recovery_code",
]
