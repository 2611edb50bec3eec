"""The site of the soak: the test project on PostgreSQL, with Redis for the cache and in front of the sessions.

``SOAK_REDIS`` is the address of Redis. Each request is one transaction, unless
``SOAK_AUTOCOMMIT`` says otherwise.
"""

import os

import django
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.services import database
from tests.settings import *  # noqa: F403 - the rest is the same
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_otp.plugins.otp_hotp"]

DATABASES = {
    "default": {
        **database("postgres"),
        "CONN_MAX_AGE": None,
        "ATOMIC_REQUESTS": not os.environ.get("SOAK_AUTOCOMMIT"),
        # The soak waits until nothing goes on any more that a killed process has begun.
        "OPTIONS": {"application_name": f"soak {os.getpid()}"},
    }
}
CACHES = {
    "default": {
        "BACKEND": "soak.cache.SurvivingRedisCache",
        "LOCATION": os.environ.get("SOAK_REDIS", "redis://127.0.0.1:6379/0"),
        # The client's own defaults wait for seconds, three times over, each time that something is asked.
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5, "retry": Retry(NoBackoff(), 1)},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}
if django.VERSION < (6, 1):
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

# allauth's own limits are on: each login comes from an address of its own, which the proxy in front tells.
ACCOUNT_RATE_LIMITS: dict[str, str] = {}
ALLAUTH_TRUSTED_PROXY_COUNT = 1

# Small enough to be met within a run. One wrong code is worth one guess: three codes are right at a time, as with an app.
MOST_UNKNOWN, MOST_IN_A_ROW, MOST_A_DAY = 8, 12, 60
ALLAUTH_2FA_FAILURE_LIMITS = {
    "unknown": ["4/5s", f"{MOST_UNKNOWN}/365d"],
    "known": ["4/5s", f"{MOST_A_DAY}/d", f"{MOST_IN_A_ROW}/row"],
}
OTP_TOTP_THROTTLE_FACTOR = OTP_HOTP_THROTTLE_FACTOR = 0.05
# The ledger reckons with steps of a clock that is right.
OTP_TOTP_SYNC = False
