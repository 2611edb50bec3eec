"""The demo's own settings, but for what slows down a visitor who comes once a second."""

# The demo's whole settings are what is to be tested, so all of their names are taken over.
from demosite.settings import *  # noqa: F403

# allauth lets one address try thirty logins a minute, and here everybody comes from one address.
ACCOUNT_RATE_LIMITS = False
# The port is another one each time.
OTP_WEBAUTHN_HELPER_CLASS = "tests.browser.helpers.AnyPortHelper"
# A slow hash proves nothing here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
