"""A site without django.contrib.sites, messages, the admin and allauth.socialaccount."""

from tests import settings as seed
from tests.settings import *  # noqa: F403 - Django's way of deriving settings
from tests.upgrade.sites.databases import own_database

LEFT_OUT = ("django.contrib.sites", "django.contrib.messages", "django.contrib.admin", "allauth.socialaccount")

DATABASES = own_database("bare")
INSTALLED_APPS = [app for app in seed.INSTALLED_APPS if not app.startswith(LEFT_OUT)]
MIDDLEWARE = [name for name in seed.MIDDLEWARE if not name.startswith(LEFT_OUT)]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
ROOT_URLCONF = "tests.upgrade.sites.bare_urls"
