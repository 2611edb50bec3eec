"""A clock that stands still until a test moves it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine
from django.db import connection
from django_otp.plugins.otp_totp.models import TOTPDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.contrib.auth.models import User

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
"""The first second of a step of 30 and of one of 60 seconds."""


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The time: noon, until ``clock.shift()`` or ``clock.move_to()``."""
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def phone(alice: User) -> TOTPDevice:
    """Alice's authenticator app, of a secret that shows the same codes in each run."""
    return TOTPDevice.objects.create(user=alice, name="Work phone", key="2a" * 20)


@contextmanager
def before_each(verb: str, table: str, act: Callable[[], object]) -> Iterator[None]:
    """Let another process act before each statement of that kind: between what the code has read and what it writes."""
    acting = False

    def pass_on(execute: Callable[..., object], sql: str, *rest: object) -> object:
        nonlocal acting
        if not acting and sql.startswith(verb) and table in sql:
            acting = True
            act()
            acting = False
        return execute(sql, *rest)

    with connection.execute_wrapper(pass_on):
        yield
