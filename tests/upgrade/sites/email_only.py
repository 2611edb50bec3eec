"""A site whose users have a UUID for a key and an e-mail address for a name."""

from tests import settings as seed
from tests.settings import *  # noqa: F403 - Django's way of deriving settings
from tests.upgrade.sites.databases import own_database

DATABASES = own_database("email_only")
INSTALLED_APPS = [*seed.INSTALLED_APPS, "tests.upgrade.sites.people"]
AUTH_USER_MODEL = "people.Person"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ROOT_URLCONF = "tests.upgrade.sites.plain_urls"
