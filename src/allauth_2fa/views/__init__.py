"""The pages: one URL name, one view, one form, one template, one flow."""

from .add import TwoFactorAdd
from .authenticate import TwoFactorAuthenticate
from .backup_tokens import TwoFactorBackupTokens
from .browsers import TwoFactorBrowsers
from .devices import TwoFactorOverview, TwoFactorPrefer, TwoFactorRemoveDevice, TwoFactorRename
from .events import TwoFactorEvents
from .first_device import TwoFactorEnroll
from .passkeys import RelatedOrigins, TwoFactorAddPasskey, TwoFactorPasskeyLogin
from .reauthenticate import TwoFactorReauthenticate
from .remove import TwoFactorRemove
from .setup import TwoFactorSetup

__all__ = [
    "RelatedOrigins",
    "TwoFactorAdd",
    "TwoFactorAddPasskey",
    "TwoFactorAuthenticate",
    "TwoFactorBackupTokens",
    "TwoFactorBrowsers",
    "TwoFactorEnroll",
    "TwoFactorEvents",
    "TwoFactorOverview",
    "TwoFactorPasskeyLogin",
    "TwoFactorPrefer",
    "TwoFactorReauthenticate",
    "TwoFactorRemove",
    "TwoFactorRemoveDevice",
    "TwoFactorRename",
    "TwoFactorSetup",
]
