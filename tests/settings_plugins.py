"""The test project with more of django-otp's devices, for the tests in tests/plugins_of_django_otp/installed."""

from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django_otp.plugins.otp_hotp",
    "django_otp.plugins.otp_email",
    "otp_yubikey",
    "otp_twilio",
    "tests.pager",
]

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_plugins"}
