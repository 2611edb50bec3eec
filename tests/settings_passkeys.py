"""The test project with passkeys, for the tests in tests/passkeys/installed."""

from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import DATABASES, INSTALLED_APPS

# First, so that its login page comes before that of allauth.
INSTALLED_APPS = ["tests.passkeys", *INSTALLED_APPS, "django_otp_webauthn"]
ROOT_URLCONF = "tests.passkeys.urls"

OTP_WEBAUTHN_RP_ID = "example.com"
OTP_WEBAUTHN_RP_NAME = "Example"
OTP_WEBAUTHN_ALLOWED_ORIGINS = ["https://example.com", "https://shop.example.com", "http://localhost:8000"]

ALLAUTH_2FA_PASSKEY_LOGIN = True

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_passkeys"}
