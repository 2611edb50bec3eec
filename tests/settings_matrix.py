"""The test project with every factor, for the matrix in tests/matrix/installed."""

from tests.settings_passkeys import OTP_WEBAUTHN_ALLOWED_ORIGINS, OTP_WEBAUTHN_RP_ID, OTP_WEBAUTHN_RP_NAME
from tests.settings_plugins import *  # noqa: F403 - the rest is the same
from tests.settings_plugins import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_otp_webauthn"]
ALLAUTH_2FA_FACTORS = ["totp", "webauthn", "hotp", "otp_yubikey.yubikeydevice", "sms", "email", "pager.pager", "recovery_codes", "static"]

__all__ = ["OTP_WEBAUTHN_ALLOWED_ORIGINS", "OTP_WEBAUTHN_RP_ID", "OTP_WEBAUTHN_RP_NAME"]

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_matrix"}
