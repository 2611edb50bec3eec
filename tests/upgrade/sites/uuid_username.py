"""A site whose users are Django's but for their keys, which are UUIDs, with allauth's middleware before ours."""

from tests import settings as seed
from tests.settings import *  # noqa: F403 - Django's way of deriving settings
from tests.upgrade.sites.databases import own_database

ALLAUTHS = "allauth.account.middleware.AccountMiddleware"
OURS = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"

DATABASES = own_database("uuid_username")
INSTALLED_APPS = [*seed.INSTALLED_APPS, "tests.upgrade.sites.people"]
AUTH_USER_MODEL = "people.Member"
MIDDLEWARE = [name for name in seed.MIDDLEWARE if name not in {ALLAUTHS, OURS}] + [ALLAUTHS, OURS]
ROOT_URLCONF = "tests.upgrade.sites.plain_urls"
