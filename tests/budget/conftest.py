"""People who guess, and people who sign in, on a clock that stands still until it is moved."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import time_machine
from allauth.core import context
from django.test import Client, RequestFactory
from django.utils import timezone

from allauth_2fa.answers import verify
from allauth_2fa.browsers import device_cookie
from allauth_2fa.budget import charging, stored
from allauth_2fa.budget.budget import Budget
from allauth_2fa.exceptions import Refused
from allauth_2fa.models import Browser
from allauth_2fa.state.request import request_state
from tests.cast import code_of, give_answer, give_password, is_logged_in, wrong_code_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User
    from django_otp.plugins.otp_totp.models import TOTPDevice

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.fixture(autouse=True)
def _no_throttling(settings) -> None:
    """Let the budget alone hold guessers up."""
    settings.OTP_TOTP_THROTTLE_FACTOR = 0


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    """A clock that stands still."""
    with time_machine.travel(1_767_225_605, tick=False) as traveller:
        yield traveller


class Person:
    """Somebody with a browser, who knows the password."""

    def __init__(self, user: User, device: TOTPDevice) -> None:
        self.user, self.device, self.client = user, device, Client()

    def begin(self) -> None:
        """Give the password, in the same browser as before."""
        self.client.cookies.pop("sessionid", None)
        give_password(self.client, self.user)

    def say(self, answer: str, **fields: str) -> str:
        """Answer the challenge; return what came of it: the code of the refusal, or "in"."""
        response = give_answer(self.client, answer, **fields)
        if is_logged_in(self.client):
            return "in"
        return next(error.code for errors in response.context["form"].errors.as_data().values() for error in errors)

    def guess(self, times: int = 1) -> list[str]:
        """Enter wrong codes."""
        return [self.say(wrong_code_of(self.device)) for _ in range(times)]

    def log_in(self) -> str:
        """Sign in by password and the code that the app is showing."""
        self.begin()
        self.device.refresh_from_db()
        return self.say(code_of(self.device))


@pytest.fixture
def owner(alice, phone) -> Person:
    """Alice in her browser."""
    return Person(alice, phone)


@pytest.fixture
def stranger(alice, phone) -> Person:
    """Somebody who knows Alice's password, in a browser of their own, at the challenge."""
    person = Person(alice, phone)
    person.begin()
    return person


class Caller:
    """Somebody with a browser who is past the password: the same as a person, without pages, for thousands of tries."""

    def __init__(self, user: User, device: TOTPDevice) -> None:
        self.user, self.device, self.cookie, self.until = user, device, "", None

    def say(self, answer: str, **fields: str) -> str:
        """Answer; return what came of it: the code of the refusal, or "in"."""
        request = RequestFactory().post("/")
        request.COOKIES[device_cookie.COOKIE] = self.cookie
        try:
            with context.request_context(request):
                device = verify.answer(self.user, answer, **fields)
                charging.note_verified(request, self.user, device)
        except Refused as refusal:
            self.until = getattr(refusal, "until", None)
            return refusal.code
        self.cookie = request_state(request).browser_cookie or self.cookie
        return "in"

    def guess(self, times: int = 1) -> list[str]:
        """Enter wrong codes."""
        return [self.say(wrong_code_of(self.device)) for _ in range(times)]

    def log_in(self) -> str:
        """Answer with the code that the app is showing."""
        return self.say(code_of(self.device))

    def besiege(self, clock: time_machine.Coordinates, seconds: float) -> list[float]:
        """Guess as often as can be, for so long; return when a code was judged, in seconds from the beginning."""
        began, judged = time.time(), []
        while (passed := time.time() - began) < seconds:
            if self.guess() == ["refused"]:
                judged.append(passed)
            else:
                wait = (self.until - timezone.now()).total_seconds() if self.until else seconds
                clock.shift(min(wait, seconds - passed))
        return judged


@pytest.fixture
def caller(alice, phone) -> Caller:
    """Somebody who knows Alice's password."""
    return Caller(alice, phone)


@pytest.fixture
def known_caller(caller) -> Caller:
    """Alice, in a browser in which she has verified."""
    assert caller.log_in() == "in"
    return caller


def budget_of_new_browsers(user: User) -> Budget:
    """Return the budget of all browsers in which the user has not verified."""
    return Budget.of(user.pk, Browser.all_rows.filter(user=user, digest=Browser.OTHERS).values(*stored.COLUMNS).first())


def empty(user: User, *, known: bool = False) -> None:
    """Make failures of the last year that leave nothing in the long budget."""
    if known:
        assert Browser.objects.filter(user=user).update(in_a_row=100)
    else:
        old = " ".join(str(1_767_225_605_000 - DAY * 1000 * days) for days in range(40, 7, -1))
        Browser.all_rows.update_or_create(user=user, digest=Browser.OTHERS, defaults={"failures": old})


def row_of(device: TOTPDevice, first: int = -2) -> str:
    """Return three codes in a row, the last of which the device is showing."""
    return " ".join(code_of(device, offset) for offset in range(first, first + 3))
