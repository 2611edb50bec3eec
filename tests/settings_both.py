"""The test project with ``allauth.mfa``, the headless API and the list of sessions beside us, for tests/attacks/beside."""

import os

from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE

ROOT_URLCONF = "tests.attacks.beside.urls"
NEIGHBOURS = [name for name in os.environ.get("TEST_NEIGHBOURS", "mfa,headless,usersessions").split(",") if name]
INSTALLED_APPS = [*INSTALLED_APPS, *(f"allauth.{name}" for name in NEIGHBOURS)]
if "usersessions" in NEIGHBOURS:
    MIDDLEWARE = [*MIDDLEWARE, "allauth.usersessions.middleware.UserSessionsMiddleware"]
    USERSESSIONS_TRACK_ACTIVITY = True
MIDDLEWARE = [*MIDDLEWARE, "tests.attacks.beside.middleware.look_early"]
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True

if "TEST" in DATABASES["default"]:
    # The suite that starts these tests is using its own.
    DATABASES["default"]["TEST"] = {"NAME": "test_allauth_2fa_both"}
