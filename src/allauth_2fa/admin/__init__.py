"""Pages of Django's admin for devices, browsers, locks, exemptions and the audit log, and a protected admin site."""

from .browsers import BrowserAdmin, LockAdmin, OwnedAdmin
from .pages import AuditAdmin, DeviceAdmin, EventFilter, ExemptionAdmin, ExemptionForm, RecoveryAdmin, register
from .site import TwoFactorAdminSite, secure_admin_site
from .support import SupportActions

__all__ = [
    "AuditAdmin",
    "BrowserAdmin",
    "DeviceAdmin",
    "EventFilter",
    "ExemptionAdmin",
    "ExemptionForm",
    "LockAdmin",
    "OwnedAdmin",
    "RecoveryAdmin",
    "SupportActions",
    "TwoFactorAdminSite",
    "register",
    "secure_admin_site",
]
