"""The tests' settings, with an application that does nothing when it is ready, and whatever our modules speak to."""

from tests import settings as seed
from tests.settings import *  # noqa: F403 - Django's way of deriving settings

# The admin that does not look for our pages by itself.
STAND_INS = {"allauth_2fa": "tests.contracts.quietly.Quiet", "django.contrib.admin": "django.contrib.admin.apps.SimpleAdminConfig"}
INSTALLED_APPS = [STAND_INS.get(app, app) for app in seed.INSTALLED_APPS]
INSTALLED_APPS += ["django.contrib.humanize", "allauth.mfa", "allauth.headless", "otp_twilio", "otp_yubikey"]
