"""The test project with what reads sessions and tokens past the middleware, for the tests in tests/tokens/installed."""

from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import DATABASES, INSTALLED_APPS

ROOT_URLCONF = "tests.tokens.installed.urls"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth.headless",
    "allauth.usersessions",
    "rest_framework",
    "rest_framework.authtoken",
    "dj_rest_auth",
    "channels",
]
HEADLESS_JWT_ALGORITHM = "HS256"
# Long enough for what signs with it.
SECRET_KEY = "only for the tests, and as long as a digest is"

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_tokens"}
