"""The installation of 0.x, word for word; what allauth and the tests ask for beside it comes last."""

from tests import settings as seed
from tests.upgrade.sites.databases import own_database

INSTALLED_APPS = [
    # Required by allauth.
    "django.contrib.sites",
    # Configure Django auth package.
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    # Enable allauth.
    "allauth",
    "allauth.account",
    # Configure the django-otp package.
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    # Enable two-factor auth.
    "allauth_2fa",
    # The admin, which the snippet in urls.py is about, and what it needs.
    "django.contrib.admin",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    # Configure Django auth package.
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    # Configure the django-otp package. Note this must be after the
    # AuthenticationMiddleware.
    "django_otp.middleware.OTPMiddleware",
    # Reset login flow middleware. If this middleware is included, the login
    # flow is reset if another page is loaded between login and successfully
    # entering two-factor credentials.
    "allauth_2fa.middleware.AllauthTwoFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

# Set the allauth adapter to be the 2FA adapter.
ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"

# Configure your default site.
SITE_ID = 1

ROOT_URLCONF = "tests.upgrade.sites.word_for_word_urls"

# --- what every Django project has, and what makes the tests fast -------------------------------

DATABASES = own_database("word_for_word")
SECRET_KEY = seed.SECRET_KEY
USE_TZ = True
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
AUTHENTICATION_BACKENDS = seed.AUTHENTICATION_BACKENDS
TEMPLATES = seed.TEMPLATES
PASSWORD_HASHERS = seed.PASSWORD_HASHERS
ACCOUNT_RATE_LIMITS = False
