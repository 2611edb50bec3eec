"""Counting calls of functions, Python's and built-in ones."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import time_machine
from django.test import Client
from django.urls import reverse

from tests.cast import code_of, give_answer, give_password, is_logged_in

if TYPE_CHECKING:
    from collections.abc import Callable

ROOM = 1.05
"""A test fails when more calls are made than were counted when it was written, and a twentieth more."""

BEGIN, APART = 1_900_000_000, 120
"""When the first login is, and how many seconds later each other one, so that each has a new code. No time goes by in it."""

LOGINS = 4
"""The last one is counted: by then everything is there that a process makes once."""


def calls_of(work: Callable[[], Any]) -> int:
    """Return how many calls the work makes."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    gc.disable()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


def calls_of_a_login(user: Any, phone: Any, browser: Client | None = None) -> dict[str, int]:
    """Log in several times, and return how many calls the steps of the last login make.

    Args:
        user: who logs in.
        phone: the user's authenticator app.
        browser: in which it is each time, None for a new one each time.
    """
    counted: dict[str, int] = {}
    for login in range(LOGINS):
        with time_machine.travel(BEGIN + login * APART, tick=False):
            counted = _counted(user, phone, browser or Client())
    return counted


def _counted(user: Any, phone: Any, client: Client) -> dict[str, int]:
    client.post(reverse("account_logout"))
    password = calls_of(lambda: give_password(client, user))
    page = calls_of(lambda: client.get(reverse("two-factor-authenticate")))
    answer = code_of(phone)
    code = calls_of(lambda: give_answer(client, answer))
    assert is_logged_in(client)
    client.get("/")
    return {"password": password, "page": page, "code": code, "a page": calls_of(lambda: client.get("/"))}


def whole(counted: dict[str, int]) -> int:
    """Return the calls of all steps of the login."""
    return counted["password"] + counted["page"] + counted["code"]
