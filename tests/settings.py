"""The installation of 0.x word for word, and what the tests use beside it.

TEST_DATABASE chooses the database (sqlite, postgres, mysql). TEST_DATABASE_NAME names one that exists already, for the
server processes of the concurrency tests.
"""

import os

from tests.services import database

SECRET_KEY = "only for the tests"
DEBUG = False
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": database(os.environ.get("TEST_DATABASE", "sqlite"))}

# --- as 0.x documents it -----------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.sites",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "allauth_2fa",
    # Optional on a site of 0.x, and present here:
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.dummy",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "allauth_2fa.middleware.AllauthTwoFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"
SITE_ID = 1

# --- what allauth and the admin ask for ---------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- what makes the tests fast and repeatable ---------------------------------------------------

# allauth's limit of 30 logins a minute and address would stop the suite, not an attacker.
ACCOUNT_RATE_LIMITS = False
# The cast logs in hundreds of times; a slow hash proves nothing here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Django 6.1 warns where no mailer is named; older versions do not read it. The test runner collects the mails.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
LOGIN_REDIRECT_URL = "/"
