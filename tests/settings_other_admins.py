"""The test project with Wagtail's admin and Unfold's, for the tests in tests/other_admins/installed."""

from tests.services import database
from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [
    # It has to stand before Django's admin, whose templates and whose site it replaces.
    "unfold",
    *INSTALLED_APPS,
    "wagtail.users",
    "wagtail.admin",
    "wagtail.documents",
    "wagtail.images",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_otp.plugins.otp_hotp",
    "django_otp.plugins.otp_email",
]
ROOT_URLCONF = "tests.other_admins.urls"
WAGTAIL_SITE_NAME = "Shop"
WAGTAILADMIN_BASE_URL = "http://testserver"
# Wagtail has some two hundred migrations, which are not what the tests are about; tests/other_admins makes what it needs.
# Only SQLite makes tables without them, before those that they refer to.
MIGRATION_MODULES = dict.fromkeys(("wagtailusers", "wagtailadmin", "wagtaildocs", "wagtailimages", "wagtailcore", "taggit"))
DATABASES = {"default": database("sqlite")}
