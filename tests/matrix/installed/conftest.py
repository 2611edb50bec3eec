"""What the tests of the matrix need: a gateway for text messages, and a site in several processes."""

from contextlib import closing

import pytest
from django.conf import settings

from tests.concurrency.conftest import database, database_name, pending_login, site
from tests.plugins_of_django_otp.gateway import Gateway

__all__ = ["database", "database_name", "pending_login", "site"]


@pytest.fixture(scope="session", autouse=True)
def _gateway():
    """A gateway for text messages, over HTTP."""
    account = {"OTP_TWILIO_ACCOUNT": "account", "OTP_TWILIO_AUTH": "auth", "OTP_TWILIO_FROM": "+15550000"}
    with closing(Gateway()) as gateway, pytest.MonkeyPatch.context() as patch:
        for name, value in {"OTP_TWILIO_URL": gateway.url, **account}.items():
            patch.setattr(settings, name, value, raising=False)
        yield gateway
