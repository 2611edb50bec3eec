"""The settings of one of allauth's test projects, with this package installed, with or without ``allauth.mfa``.

NEIGHBOURS_PROJECT names the project, NEIGHBOURS_WITH_US and NEIGHBOURS_MFA say what is installed (1 or 0). With the first
at 0 and the second at 1 these are the settings of the project, word for word.
"""

import os
from importlib import import_module

theirs = import_module(f"tests.projects.{os.environ['NEIGHBOURS_PROJECT']}.settings")
globals().update({name: value for name, value in vars(theirs).items() if name.isupper()})

if os.environ["NEIGHBOURS_MFA"] == "0":
    INSTALLED_APPS = [app for app in theirs.INSTALLED_APPS if app != "allauth.mfa"]
else:
    INSTALLED_APPS = [*theirs.INSTALLED_APPS]

if os.environ["NEIGHBOURS_WITH_US"] == "1":
    INSTALLED_APPS += ["django_otp", "django_otp.plugins.otp_totp", "django_otp.plugins.otp_static", "allauth_2fa"]
    MIDDLEWARE = [*theirs.MIDDLEWARE]
    place = MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware") + 1
    MIDDLEWARE[place:place] = ["django_otp.middleware.OTPMiddleware", "allauth_2fa.middleware.AllauthTwoFactorMiddleware"]
    ACCOUNT_ADAPTER = "with_allauth_adapter.Adapter"
    THEIR_URLCONF, ROOT_URLCONF = theirs.ROOT_URLCONF, "with_allauth_urls"
