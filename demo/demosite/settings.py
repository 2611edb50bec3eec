"""Settings of the demo site, and the example to start your own site from.

What two-factor authentication needs is marked with "2FA". Two parts serve the demo
only, say so, and must not be copied: `demosite.phone` and `demosite.outbox`.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import django

DEMO_DIR = Path(__file__).resolve().parent.parent
# Everything that the running demo writes. Delete the folder to start afresh.
DATA_DIR = Path(os.environ.get("DEMO_DATA_DIR") or DEMO_DIR / "data")

# A site of your own reads these three from its environment, and has DEBUG = False.
SECRET_KEY = "demo-only-and-public-so-never-sign-anything-real-with-it"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "testserver"]

INSTALLED_APPS = [
    "demosite",  # first, so that its templates come before those of the others
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",  # names the site in mails and in the authenticator app
    "django.contrib.staticfiles",
    # The look of all account pages; it may be left out. Before allauth, whose layouts it replaces.
    "allauth_2fa.theme",
    "allauth",
    "allauth.account",
    # 2FA: django-otp keeps the authenticator apps. otp_static keeps recovery codes made by
    # django-allauth-2fa 0.x; they stay valid.
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    # 2FA: keeps passkeys and security keys. It may be left out.
    "django_otp_webauthn",
    "allauth_2fa",
]
SITE_ID = 1

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "demosite.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # 2FA: these two, in this order, anywhere below AuthenticationMiddleware. The second
    # stops every session that still needs a code, whichever view signed it in.
    "django_otp.middleware.OTPMiddleware",
    "allauth_2fa.middleware.AllauthTwoFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "demosite.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",  # required by allauth
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "demo.sqlite3",
        # Two people who sign in at once wait for each other, and neither gets an error page.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Signing in ------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"

# 2FA: the adapter that puts the question for a code into allauth's login. A site with an
# adapter of its own derives it from this one.
ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"

# An address is confirmed by a code, and only then does the account exist.
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
# "Send me a sign-in code" replaces the password and not the second factor.
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
# Owners hear of changes to their account.
ACCOUNT_EMAIL_NOTIFICATIONS = True
# A pending sign-in ends after ten minutes.
ACCOUNT_LOGIN_TIMEOUT = 600

# 2FA: the package needs no setting of its own; we recommend the defaults.
# Off by default: people may tick a box below the code, and that browser asks for no code for 30 days.
ALLAUTH_2FA_TRUST_DAYS = 30
# One of the accounts has to have a second factor.
ALLAUTH_2FA_REQUIRED = "group:Bookkeeping"

# 2FA: for which domain passkeys are, and the pages that may use them. The domain cannot be
# changed later: every passkey would have to be added again. Browsers take "localhost" without
# TLS, and no bare address, so passkeys work on http://localhost:8000 and not on 127.0.0.1.
OTP_WEBAUTHN_RP_ID = "localhost"
OTP_WEBAUTHN_RP_NAME = "Two-factor demo"
OTP_WEBAUTHN_ALLOWED_ORIGINS = ["http://localhost:8000"]
# Passkeys that are added for it sign in without a password.
ALLAUTH_2FA_PASSKEY_LOGIN = True

# -- Headers and cookies ---------------------------------------------------------------

# Pages load from this site alone, and no script or style stands in a page. From Django 6.0
# on, Django's own middleware reads this setting; `demosite.csp` serves 5.2 as well.
SECURE_CSP = {
    "default-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "object-src": ["'none'"],
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
# The demo is served without TLS. Any other site sets these three to True, and
# SECURE_HSTS_SECONDS to a year.
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False

# The limits on tries are counted in the cache. A site with several processes needs one that
# they share: Redis, Memcached or the database.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# -- Mail (demo only) ------------------------------------------------------------------

OUTBOX_DIR = DATA_DIR / "outbox"
DEFAULT_FROM_EMAIL = "Two-factor demo <demo@example.com>"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "demosite.outbox.EmailBackend"}}
else:
    EMAIL_BACKEND = "demosite.outbox.EmailBackend"

# -- The rest --------------------------------------------------------------------------

STATIC_URL = "static/"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# -- Without the extra [webauthn] (demo only) ------------------------------------------

# The demo is served from any installation, and works without passkeys.
if find_spec("django_otp_webauthn") is None:
    INSTALLED_APPS.remove("django_otp_webauthn")
    ALLAUTH_2FA_PASSKEY_LOGIN = False
