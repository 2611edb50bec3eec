"""The demo with the other apps of allauth that have pages: accounts at other sites, and the list of sessions."""

from tests.browser.settings import *  # noqa: F403 - the rest is the same
from tests.browser.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.humanize",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.dummy",
    "allauth.usersessions",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.usersessions.middleware.UserSessionsMiddleware"]
USERSESSIONS_TRACK_ACTIVITY = True
