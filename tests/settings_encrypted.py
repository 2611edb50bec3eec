"""The test project with keys for what devices keep. Whole folders of tests run with it too: see tests/secrets."""

import os

from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import DATABASES, INSTALLED_APPS

if os.environ.get("TEST_PLUGINS"):
    from tests.settings_plugins import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS]
ALLAUTH_2FA_ENCRYPTION_KEYS = ["the newest key of the tests, 0123456789", "the oldest key of the tests, 9876543210"]

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_encrypted"}
