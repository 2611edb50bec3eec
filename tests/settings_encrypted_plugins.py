"""The test project with more of django-otp's devices and keys for what they keep: see tests/encryption/test_with_keys.py."""

from tests.encryption.keys import NEW, OLD
from tests.settings_plugins import *  # noqa: F403 - the rest is the same
from tests.settings_plugins import DATABASES

ALLAUTH_2FA_ENCRYPTION_KEYS = [NEW, OLD]

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_encrypted_plugins"}
