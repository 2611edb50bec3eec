"""The pages: one URL name, one view, one form, one template, one flow."""

from .authenticate import TwoFactorAuthenticate
from .backup_tokens import TwoFactorBackupTokens
from .reauthenticate import TwoFactorReauthenticate
from .remove import TwoFactorRemove
from .setup import TwoFactorSetup

__all__ = [
    "TwoFactorAuthenticate",
    "TwoFactorBackupTokens",
    "TwoFactorReauthenticate",
    "TwoFactorRemove",
    "TwoFactorSetup",
]
