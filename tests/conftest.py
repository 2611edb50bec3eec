"""The cast of the tests, and what keeps them apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import time_machine
from django.core.cache import cache
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import recovery as recovery_models
from tests.cast import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User

pytest_plugins = ["tests.plugins"]


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Start with an empty cache: it outlives the database's rollback."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True, scope="session")
def _quick_digests() -> Iterator[None]:
    """Hash recovery codes as quickly as the tests hash passwords: a fifth of the suite's time went there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery_models, "ITERATIONS", 100)
        yield


OTHER_PROCESSES = {"database_name", "demo"}
"""Fixtures that start processes, which go by the machine's clock. Their tests do, too."""

PERIOD = 30
"""Seconds for which an app shows a code."""


@pytest.fixture(autouse=True)
def _beginning_of_a_period(request: pytest.FixtureRequest) -> Iterator[None]:
    """Begin each test when apps have just shown new codes, and let the time go on: which codes are near is not left to chance."""
    if OTHER_PROCESSES.isdisjoint(request.fixturenames):
        with time_machine.travel(time.time() // PERIOD * PERIOD, tick=True):
            yield
    else:
        yield


@pytest.fixture
def alice(django_user_model: type[User]) -> User:
    """A person with a password and no factor yet."""
    return django_user_model.objects.create_user("alice", "alice@example.com", PASSWORD)


@pytest.fixture
def phone(alice: User) -> TOTPDevice:
    """Alice's authenticator app."""
    return TOTPDevice.objects.create(user=alice, name="Work phone", confirmed=True)


@pytest.fixture
def bob(django_user_model: type[User]) -> User:
    """A person with a password who never gets a factor."""
    return django_user_model.objects.create_user("bob", "bob@example.com", PASSWORD)


@pytest.fixture
def staff(django_user_model: type[User]) -> User:
    """A person who may do everything in the admin."""
    return django_user_model.objects.create_superuser("staff", "staff@example.com", PASSWORD)
