"""The people of the soak: what each holds, and what the site has to have counted, as the clients reckon it."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.utils.crypto import get_random_string
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from allauth_2fa.budget.budget import Failure, now, pack
from allauth_2fa.models import ALPHABET, CODE_LENGTH, Browser, RecoveryCode, RecoveryDevice, digest_recovery_code, grouped
from soak.settings import MOST_IN_A_ROW, MOST_UNKNOWN
from tests.cast import PASSWORD

if TYPE_CHECKING:
    from tests.concurrency import browser as web

STEP, DIGITS, TOLERANCE = 30, 6, 2
CODES = 10
"""Recovery codes a person."""

COOKIE = "allauth_2fa_browser"


@dataclass
class App:
    """An authenticator app or a token that counts, as its owner has it."""

    kind: str
    pk: int
    key: bytes
    last: int = -1
    """The step or the number of the last code that was accepted."""

    @property
    def persistent_id(self) -> str:
        """The id by which the page names it."""
        return f"otp_{self.kind}.{self.kind}device/{self.pk}"

    def next(self) -> int | None:
        """Return the step or number of a code that would be right now, None if each one has been used."""
        if self.kind == "hotp":
            return self.last + 1
        now, into = divmod(time.time(), STEP)
        # The code of the step before is right for half a minute more, which the request has to arrive in.
        earliest = int(now) - (into < STEP / 2)
        return step if (step := max(earliest, self.last + 1)) <= now + 1 else None

    def code(self, at: int) -> str:
        """Return the code of that step or number."""
        return f"{oath.hotp(self.key, at, DIGITS):0{DIGITS}}"

    def wrong_code(self) -> str:
        """Return digits that are no code of this device now, or were of late."""
        now = int(time.time()) // STEP
        near = range(now - 40, now + 5) if self.kind == "totp" else range(max(0, self.last - 5), self.last + 8)
        shown = {self.code(at) for at in near}
        while (code := f"{random.randrange(10**DIGITS):0{DIGITS}}") in shown:  # noqa: S311 - a wrong code is no secret
            pass
        return code


@dataclass
class Budget:
    """What has to have been counted in a budget."""

    digest: str = ""
    """By which the row is found: that of the browser's cookie, empty for all unknown browsers together."""
    failures: int = 0
    in_a_row: int = 0

    @property
    def is_locked(self) -> bool:
        """Return whether no code is judged any more."""
        return self.in_a_row >= MOST_IN_A_ROW if self.digest else self.failures >= MOST_UNKNOWN

    def fail(self) -> bool:
        """Count a wrong code, and return whether it was the one that locks."""
        self.failures, self.in_a_row = self.failures + 1, self.in_a_row + 1
        return self.is_locked


def digest_in(browser: web.Browser) -> str:
    """Return by what the browser is known, empty if by nothing."""
    value = browser.cookies.get(COOKIE, "")
    return hashlib.sha256(value.encode()).hexdigest() if value else ""


@dataclass
class Person:
    """Somebody with an account. One client at a time plays them."""

    user_id: int
    name: str
    apps: list[App]
    codes: list[str]
    recovery_id: int
    spent: list[str] = field(default_factory=list)
    others: Budget = field(default_factory=Budget)
    known: dict[str, Budget] = field(default_factory=dict)
    """The budgets of browsers whose cookie a client has or had, by digest."""
    lost: list[Budget] = field(default_factory=list)
    """Those of browsers whose new cookie went down with a killed process: nobody has it."""
    home: dict[str, str] = field(default_factory=dict)
    """The cookies of the browser that the person uses at home."""
    rests_until: float = 0
    """Before that moment, of the monotonic clock, nobody plays this person."""

    def budget_of(self, browser: web.Browser) -> Budget:
        """Return what wrong codes in the browser are taken from."""
        return self.known.get(digest_in(browser), self.others)

    def renew_known(self, browser: web.Browser, old: str) -> None:
        """Take over the browser's new cookie, which came with an answer, instead of the old one."""
        new = digest_in(browser)
        if new and new != old:
            budget = self.known.pop(old, None) or Budget()
            budget.digest = new
            self.known[new] = budget


def make_people(number: int) -> list[Person]:
    """Make a number of people with passwords, devices and recovery codes, in few statements.

    Each has an app, every third one a token besides. The recovery codes are hashed in one round: no thief is at work here.
    """
    password = make_password(PASSWORD)
    users = User.objects.bulk_create(
        User(username=f"person{at}", email=f"person{at}@example.com" if at % 4 == 0 else "", password=password) for at in range(number)
    )
    apps: dict[int, list[App]] = {user.pk: [] for user in users}
    totp = TOTPDevice.objects.bulk_create(TOTPDevice(user=user, name="App", key=default_key(), confirmed=True) for user in users)
    hotp = HOTPDevice.objects.bulk_create(
        HOTPDevice(user=user, name="Token", key=default_key(), confirmed=True, tolerance=TOLERANCE) for user in users[::3]
    )
    for kind, devices in (("totp", totp), ("hotp", hotp)):
        made: Any = devices
        for device in made:
            apps[device.user_id].append(App(kind, device.pk, device.bin_key))
    people = [
        Person(user.pk, user.username, apps[user.pk], codes, device.pk)
        for user, (device, codes) in zip(users, _recovery_codes(users), strict=True)
    ]
    _guess_at(people[::6])
    return people


def _guess_at(people: list[Person]) -> None:
    """Have somebody guess at these people's codes yesterday, so that few more wrong ones lock them."""
    yesterday, number = now() - 86_400_000, MOST_UNKNOWN - 3
    failures = pack(Failure(yesterday + at * 60_000) for at in range(number))
    Browser.all_rows.bulk_create(
        Browser(user_id=person.user_id, digest=Browser.OTHERS, failures=failures, in_a_row=number) for person in people
    )
    for person in people:
        person.others.failures = person.others.in_a_row = number


def _recovery_codes(users: list[User]) -> list[tuple[RecoveryDevice, list[str]]]:
    salt = get_random_string(32)
    devices = RecoveryDevice.objects.bulk_create(
        RecoveryDevice(user=user, name="recovery codes", salt=salt, iterations=1, confirmed=True) for user in users
    )
    made = [(device, [get_random_string(CODE_LENGTH, ALPHABET) for _ in range(CODES)]) for device in devices]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(device=device, digest=digest_recovery_code(code, salt, 1)) for device, codes in made for code in codes
    )
    return [(device, [grouped(code) for code in codes]) for device, codes in made]
