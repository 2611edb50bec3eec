"""The project of tests/settings_plugins.py as several processes serve it: what they send ends up where the test looks.

Each process has a cache of its own, and forgets there what the others count.
"""

import os

import django

from tests.settings_plugins import *  # noqa: F403 - the rest is the same

ALLAUTH_2FA_FACTORS = ["totp", "sms", "email", "recovery_codes", "static"]
OTP_TWILIO_URL = os.environ["TEST_GATEWAY"]
OTP_TWILIO_ACCOUNT, OTP_TWILIO_AUTH, OTP_TWILIO_FROM = "account", "auth", "+15550000"

_BACKEND, _FOLDER = "django.core.mail.backends.filebased.EmailBackend", os.environ["TEST_MAILS"]
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": _BACKEND, "OPTIONS": {"file_path": _FOLDER}}}
else:
    EMAIL_BACKEND, EMAIL_FILE_PATH = _BACKEND, _FOLDER
