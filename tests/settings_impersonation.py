"""The test project with the apps by which support looks at a site as a user, for the tests in tests/impersonation/installed."""

from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE

ROOT_URLCONF = "tests.impersonation.urls"
INSTALLED_APPS = [*INSTALLED_APPS, "hijack", "loginas", "impersonate"]
MIDDLEWARE = [*MIDDLEWARE, "hijack.middleware.HijackUserMiddleware", "impersonate.middleware.ImpersonateMiddleware"]

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_impersonation"}
