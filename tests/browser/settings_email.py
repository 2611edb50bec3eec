"""The demo with codes by e-mail, which a site has to ask for by name."""

from tests.browser.settings import *  # noqa: F403 - the rest is the same
from tests.browser.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_otp.plugins.otp_email"]
ALLAUTH_2FA_FACTORS = ["totp", "email", "recovery_codes", "static"]
