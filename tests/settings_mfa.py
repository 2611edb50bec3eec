"""The test project with ``allauth.mfa`` beside us, for the tests in tests/transfer/installed."""

from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "allauth.mfa", "django_otp.plugins.otp_hotp"]

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_mfa"}
