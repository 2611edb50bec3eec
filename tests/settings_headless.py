"""The test project with allauth's headless API and more kinds of factors, for the tests in tests/headless/installed.

TEST_NEIGHBOURS names what else of allauth's is installed (``mfa``). TEST_HEADLESS_ONLY is set for a site without pages.
"""

import os

from tests.settings_matrix import ALLAUTH_2FA_FACTORS, DATABASES
from tests.settings_matrix import INSTALLED_APPS as EVERY_KIND
from tests.settings_passkeys import OTP_WEBAUTHN_ALLOWED_ORIGINS, OTP_WEBAUTHN_RP_ID, OTP_WEBAUTHN_RP_NAME
from tests.settings_plugins import *  # noqa: F403 - the rest is the same

__all__ = ["ALLAUTH_2FA_FACTORS", "OTP_WEBAUTHN_ALLOWED_ORIGINS", "OTP_WEBAUTHN_RP_ID", "OTP_WEBAUTHN_RP_NAME"]

ROOT_URLCONF = "tests.headless.urls"
INSTALLED_APPS = [
    *EVERY_KIND,
    "allauth.headless",
    *(f"allauth.{name}" for name in os.environ.get("TEST_NEIGHBOURS", "").split(",") if name),
]
ALLAUTH_2FA_PASSKEY_LOGIN = True
HEADLESS_ONLY = "TEST_HEADLESS_ONLY" in os.environ
if HEADLESS_ONLY:
    # A site without pages has to say where those of its app are.
    HEADLESS_FRONTEND_URLS = {
        "account_confirm_email": "https://app.example.com/confirm?key={key}",
        "account_reset_password": "https://app.example.com/forgotten",
        "account_reset_password_from_key": "https://app.example.com/reset?key={key}",
        "account_signup": "https://app.example.com/signup",
    }
HEADLESS_JWT_ALGORITHM = "HS256"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
# Long enough for what signs tokens with it.
SECRET_KEY = "only for the tests, and as long as a digest is"

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_headless"}
