"""The settings of django-otp's test project, with allauth and this package installed, and encryption on.

NEIGHBOURS_WITH_US says whether they are (1 or 0).
"""

import os

from test_project import settings as theirs

globals().update({name: value for name, value in vars(theirs).items() if name.isupper()})

# Each of its tests makes a user, and Django's own hash takes half a second for each.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if os.environ["NEIGHBOURS_WITH_US"] == "1":
    INSTALLED_APPS = [*theirs.INSTALLED_APPS, "django.contrib.sites", "allauth", "allauth.account", "allauth_2fa"]
    SITE_ID = 1
    MIDDLEWARE = [*theirs.MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
    MIDDLEWARE.insert(MIDDLEWARE.index("django_otp.middleware.OTPMiddleware") + 1, "allauth_2fa.middleware.AllauthTwoFactorMiddleware")
    AUTHENTICATION_BACKENDS = [*theirs.AUTHENTICATION_BACKENDS, "allauth.account.auth_backends.AuthenticationBackend"]
    ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"
    ALLAUTH_2FA_ENCRYPTION_KEYS = ["only for the tests of django-otp, 0123456789"]
    ROOT_URLCONF = "with_django_otp_urls"
