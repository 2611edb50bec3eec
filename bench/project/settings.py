"""One settings module for all; BENCH_KIND and BENCH_LEVEL pick the contender's bits.

Each contender is wired as its own documentation says, with its own defaults. What
is set here for all is what a comparison needs: SQLite in a file, sessions in the
database, and a cheap password hasher, which would otherwise drown the rest.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

KIND = os.environ["BENCH_KIND"]
LEVEL = os.environ["BENCH_LEVEL"]

SECRET_KEY = "bench"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "project.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_ID = 1
STATIC_URL = "/static/"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_REDIRECT_URL = "/with-user/"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["BENCH_DATABASE"],
        # Waiting for the disk is not what is compared.
        "OPTIONS": {"init_command": "PRAGMA synchronous=OFF;"},
    },
}
if os.environ.get("BENCH_POSTGRES"):
    server = urlsplit(os.environ["BENCH_POSTGRES"])
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["BENCH_DATABASE"],
        "HOST": server.hostname,
        "PORT": server.port,
        "USER": unquote(server.username or ""),
        "PASSWORD": unquote(server.password or ""),
        "CONN_MAX_AGE": 600,
    }
    # All logins come from one address.
    ACCOUNT_RATE_LIMITS = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
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

ALLAUTH_APPS = ["allauth", "allauth.account", "allauth.socialaccount"]
OTP_APPS = [
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]
APPS_OF = {
    "django": [],
    "allauth": ALLAUTH_APPS,
    "a0": [*ALLAUTH_APPS, *OTP_APPS, "allauth_2fa"],
    "b": [*ALLAUTH_APPS, "allauth.mfa"],
    "c": [*OTP_APPS, "two_factor"],
    "d": ["mfa"],
    "ours": [*ALLAUTH_APPS, *OTP_APPS, "allauth_2fa"],
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.messages",
    *APPS_OF[KIND],
]

OTP_MIDDLEWARE = "django_otp.middleware.OTPMiddleware"
OUR_MIDDLEWARE = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
ACCOUNT_MIDDLEWARE = "allauth.account.middleware.AccountMiddleware"
MIDDLEWARE_OF = {
    ("django", "bare"): [],
    ("allauth", "bare"): [ACCOUNT_MIDDLEWARE],
    ("a0", "bare"): [ACCOUNT_MIDDLEWARE],
    ("a0", "default"): [OTP_MIDDLEWARE, OUR_MIDDLEWARE, ACCOUNT_MIDDLEWARE],
    ("a0", "required"): [
        OTP_MIDDLEWARE,
        OUR_MIDDLEWARE,
        "project.require_allauth_2fa.Require2FAMiddleware",
        ACCOUNT_MIDDLEWARE,
    ],
    ("b", "default"): [ACCOUNT_MIDDLEWARE],
    ("b", "required"): [
        ACCOUNT_MIDDLEWARE,
        "project.require_allauth_mfa.Require2FAMiddleware",
    ],
    ("c", "default"): [OTP_MIDDLEWARE],
    ("c", "required"): [
        OTP_MIDDLEWARE,
        "project.require_two_factor.Require2FAMiddleware",
    ],
    ("d", "required"): ["mfa.middleware.MFAEnforceMiddleware"],
}
MIDDLEWARE_OF["ours", "default"] = MIDDLEWARE_OF["a0", "default"]
MIDDLEWARE_OF["ours", "six"] = MIDDLEWARE_OF["a0", "default"]
MIDDLEWARE_OF["ours", "required"] = MIDDLEWARE_OF["a0", "required"]
MIDDLEWARE = [
    "project.leaving.Leaving",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    *MIDDLEWARE_OF[KIND, LEVEL],
    "django.contrib.messages.middleware.MessageMiddleware",
]

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
if "allauth" in INSTALLED_APPS:
    AUTHENTICATION_BACKENDS += ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = {"c": "two_factor:login", "d": "login"}.get(KIND, "account_login")
ACCOUNT_EMAIL_VERIFICATION = "none"
if KIND in {"a0", "ours"}:
    ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"
if LEVEL == "six":
    INSTALLED_APPS += ["django_otp.plugins.otp_hotp", "django_otp.plugins.otp_email", "django_otp_webauthn", "otp_twilio", "otp_yubikey"]
    ALLAUTH_2FA_FACTORS = ["totp", "hotp", "email", "webauthn", "sms", "yubikey", "recovery_codes", "static"]
    ALLAUTH_2FA_TRUST_DAYS = 30
    OTP_WEBAUTHN_RP_ID, OTP_WEBAUTHN_RP_NAME, OTP_WEBAUTHN_ALLOWED_ORIGINS = "testserver", "bench", ["https://testserver"]
# As many as the rivals make; 0.12 and this package make 3 unless told.
ALLAUTH_2FA_BACKUP_TOKENS_NUMBER = 10
MFA_DOMAIN = "testserver"
MFA_SITE_TITLE = "bench"
