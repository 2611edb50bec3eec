"""A site that has allauth.mfa, allauth.headless and allauth.usersessions installed beside us."""

from tests import settings as seed
from tests.settings import *  # noqa: F403 - Django's way of deriving settings
from tests.upgrade.sites.databases import own_database

DATABASES = own_database("beside_mfa")
INSTALLED_APPS = [*seed.INSTALLED_APPS, "django.contrib.humanize", "allauth.mfa", "allauth.headless", "allauth.usersessions"]
MIDDLEWARE = [*seed.MIDDLEWARE, "allauth.usersessions.middleware.UserSessionsMiddleware"]
USERSESSIONS_TRACK_ACTIVITY = True
ROOT_URLCONF = "tests.upgrade.sites.beside_mfa_urls"
