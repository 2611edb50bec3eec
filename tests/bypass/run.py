"""Runs a state of the matrix: every entrance, and from each of them every place, as if the others had not been visited."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.test import Client, override_settings
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.browsers.cast import next_code_of
from tests.cast import PASSWORD

from .entrances import PAGE, SCRIPT
from .places import LED_TO, LOGIN, PLACES, RIGHT_CODE, WHO, name_of, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .entrances import Entrance
    from .places import Place
    from .states import State

    Cells = dict[str, tuple[str, str]]
    """By the name of the place: what a page gets, and what a script."""

NOON = 1_750_000_005
RECHECK = 301
"""Seconds after which the guard believes no session any more that it has looked at."""


@contextmanager
def undone() -> Iterator[None]:
    """Let nothing have happened."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


def alice() -> User:
    """Return somebody who may do everything in the admin, but for what a second factor is asked for."""
    user = User.objects.create_superuser("alice", "alice@example.com", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def run(state: State, entrance: Entrance, user: User, places: Sequence[Place] = PLACES) -> Cells:
    """Come in, and return what is reached from there."""
    cache.clear()
    # What breaks is a cell as any other, and one that is expected nowhere.
    client = Client(raise_request_exception=False)
    user = User.objects.get(pk=user.pk)
    with undone(), time_machine.travel(NOON, tick=False) as clock:
        if entrance.was_there_before:
            entrance.enter(client, user)
            clock.shift(RECHECK)
        with override_settings(**entrance.changes, **state.changes):
            state.bring_about(client, user)
            user = User.objects.get(pk=user.pk)
            response = None if entrance.was_there_before else entrance.enter(client, user)
            if state.answers:
                answer(client, entrance)
                clock.shift(state.later)
            return look_around(client, entrance, response, places)


def answer(client: Client, entrance: Entrance) -> Any:
    """Give the right code, where the entrance or the session's first page has led."""
    if entrance.is_running:
        client.get("/private/", headers=PAGE)
    fields = {"otp_token": next_code_of(TOTPDevice.objects.get())}
    return client.post(reverse("two-factor-authenticate"), fields, headers=PAGE, **entrance.each_time)


def look_around(client: Client, entrance: Entrance, response: Any, places: Sequence[Place]) -> Cells:
    """Visit every place, each from the same session."""
    cookies = deepcopy(client.cookies)
    cells: Cells = {}

    def again(visit: Callable[[], str]) -> str:
        client.cookies = deepcopy(cookies)
        with undone():
            return visit()

    if response is not None:
        led = again(lambda: led_to(client, entrance, response))
        cells[LOGIN] = ("", led) if entrance.by_script else (led, "")
    for place in places:
        page, script = (again(partial(place.visit, client, how, **entrance.each_time)) for how in (PAGE, SCRIPT))
        cells[place.name] = (page, script)
    if TOTPDevice.objects.filter(confirmed=True).exists():
        cells[RIGHT_CODE] = (again(lambda: right_code(client, entrance)), "")
    return cells


def led_to(client: Client, entrance: Entrance, response: Any) -> str:
    """Return where the login leads, and see to it that there is something."""
    name = ""
    if response.status_code == 302:
        name = name_of(response["Location"])
        response = client.get(response["Location"], headers=PAGE, follow=True, **entrance.each_time)
        assert response.status_code == 200, name
    return LED_TO[name] if name in LED_TO else outcome(response, WHO) if response.status_code == 403 else who(client, entrance)


def right_code(client: Client, entrance: Entrance) -> str:
    """Give the right code, and return who is there then."""
    return "refused" if answer(client, entrance).status_code == 200 else who(client, entrance)


def who(client: Client, entrance: Entrance) -> str:
    """Return whether anybody is there now."""
    return WHO.visit(client, SCRIPT, **entrance.each_time)
