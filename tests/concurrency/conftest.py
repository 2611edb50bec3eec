"""A database of their own for the tests that really commit, and a site in several processes upon it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from tests.cast import PASSWORD

from .browser import Browser
from .server import AT_ONCE, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django_otp.models import ThrottlingMixin
    from django_otp.plugins.otp_totp.models import TOTPDevice
    from pytest_django.plugin import DjangoDbBlocker

    from .browser import Answer

NUMBERS = count(1)

FAILURES = 6
"""Failures before a test: the next one throttles the device for 2**6 seconds, longer than any test here takes."""


@contextmanager
def as_default(name: str) -> Iterator[None]:
    """Let the default connection be one to that database, in this thread and in those that begin meanwhile."""
    settings, kept = connections.settings["default"], connections["default"]
    connections.settings["default"] = {**settings, "NAME": name}
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = kept
        connections.settings["default"] = settings


def execute(statement: str, name: str) -> None:
    """Run a statement about a database on the server of the default connection."""
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(f"{statement} {connection.ops.quote_name(name)}")


@pytest.fixture(scope="session", params=[os.environ.get("TEST_DATABASE", "sqlite")])
def database_name(request, tmp_path_factory, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A migrated database that other processes can open, of the kind that this run is about.

    The one that pytest-django makes will not do: with SQLite it lives in the memory of this process.
    """
    on_a_server = request.param != "sqlite"
    path = tmp_path_factory.mktemp("database") / "db.sqlite3"
    name = f"allauth_2fa_at_once_{os.getpid()}_{next(NUMBERS)}" if on_a_server else str(path)
    with django_db_blocker.unblock():
        if on_a_server:
            execute("CREATE DATABASE", name)
        with as_default(name):
            call_command("migrate", verbosity=0)
    yield name
    if on_a_server:
        with django_db_blocker.unblock():
            execute("DROP DATABASE", name)


@pytest.fixture
def database(database_name: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test works in that database."""
    with django_db_blocker.unblock(), as_default(database_name):
        yield


@pytest.fixture(scope="session")
def site(database_name: str, tmp_path_factory) -> Iterator[Site]:
    """The test project, served by several processes."""
    with closing(Site(database_name, tmp_path_factory.mktemp("site") / "complaints")) as site:
        yield site


@pytest.fixture
def alice(database: None) -> User:
    """A person with a password: another one for each test, since nothing is rolled back."""
    return User.objects.create_user(f"alice{next(NUMBERS)}", password=PASSWORD)


def fail_before(device: ThrottlingMixin) -> None:
    """Give the device failures that lie so far back that it judges again."""
    device.throttling_failure_count = FAILURES
    device.throttling_failure_timestamp = timezone.now() - timedelta(days=1)
    device.save()


@pytest.fixture
def worn_phone(phone: TOTPDevice) -> TOTPDevice:
    """Alice's authenticator app, at which somebody has guessed before."""
    fail_before(phone)
    return phone


@pytest.fixture
def pending_login(site: Site) -> Callable[..., list[tuple[Browser, Answer]]]:
    """Make browsers in which the user has given the password, each with the page that it has come to."""

    def make(user: User, number: int = AT_ONCE) -> list[tuple[Browser, Answer]]:
        browsers = [Browser(site.port) for _ in range(number)]
        with ThreadPoolExecutor(AT_ONCE // 2) as pool:
            return list(zip(browsers, pool.map(lambda browser: browser.give_password(user), browsers), strict=True))

    return make
