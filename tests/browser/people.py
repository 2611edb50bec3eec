"""Who visits the demo site: people with passwords, and with authenticator apps that only know a secret and the time."""

from __future__ import annotations

import time
from base64 import b32decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, User
from django.db import connections
from django_otp.oath import hotp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import Browser
from tests.cast import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.plugin import DjangoDbBlocker

NUMBERS = count(1)
PERIOD = 30
NEAR_THE_END = 10
"""Seconds: in the last ones of a period, the code of the period before may come too late."""


@dataclass
class App:
    """An authenticator app. It gives each code once, so that several logins need not wait for the next period."""

    key: bytes
    last: int = 0

    @classmethod
    def set_up_with(cls, secret: str) -> App:
        """Return an app into which the secret was typed, as it stands on the page."""
        bare = secret.replace(" ", "")
        return cls(b32decode(bare + "=" * (-len(bare) % 8)))

    def next_code(self) -> str:
        """Return the next code that the site has to take: it takes those of the period before and after, too."""
        now = time.time()
        earliest = int(now // PERIOD) - (now % PERIOD < PERIOD - NEAR_THE_END)
        self.last = max(earliest, self.last + 1)
        time.sleep(max(0, (self.last - 1) * PERIOD - now))
        return self._code(self.last)

    def wrong_code(self) -> str:
        """Return digits that the app shows at no time near now."""
        now = int(time.time() // PERIOD)
        shown = {self._code(step) for step in range(now - 150, now + 151)}
        return next(code for code in map("{0}{0}{0}{0}{0}{0}".format, range(10)) if code not in shown)

    def code_of(self, minutes_ago: int) -> str:
        """Return the code that an app shows whose clock is slow."""
        return self._code(int(time.time() // PERIOD) - minutes_ago * 60 // PERIOD)

    def _code(self, step: int) -> str:
        return f"{hotp(self.key, step):06}"


@dataclass
class Person:
    """Somebody with an account on the site."""

    name: str
    apps: list[App] = field(default_factory=list)
    recovery_codes: list[str] = field(default_factory=list)
    password: str = PASSWORD

    @property
    def app(self) -> App:
        """The only app."""
        (app,) = self.apps
        return app


def anybody() -> str:
    """Return a user name that nobody has yet."""
    return f"visitor{next(NUMBERS)}"


class People:
    """Makes people in the demo's database, beside the running site."""

    def __init__(self, database: Path, blocker: DjangoDbBlocker) -> None:
        self.database = database
        self.blocker = blocker

    def make(self, *app_names: str, recovery_codes: tuple[str, ...] = (), is_staff: bool = False) -> Person:
        """Make somebody who has authenticator apps of these names."""
        # In this thread runs the loop of Playwright, beside which Django's ORM refuses to work.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._make, app_names, recovery_codes, is_staff=is_staff).result()

    def _make(self, app_names: tuple[str, ...], recovery_codes: tuple[str, ...], *, is_staff: bool) -> Person:
        with self._open() as alias:
            user = User(username=anybody(), is_staff=is_staff, is_superuser=is_staff)
            user.email = f"{user.username}@example.com"
            user.set_password(PASSWORD)
            user.save(using=alias)
            EmailAddress(user=user, email=user.email, primary=True, verified=True).save(using=alias)
            apps = [TOTPDevice(user=user, name=name, confirmed=True) for name in app_names]
            for app in apps:
                app.save(using=alias)
            if recovery_codes:
                sheet = StaticDevice(user=user, name="Recovery codes")
                sheet.save(using=alias)
                for code in recovery_codes:
                    StaticToken(device=sheet, token=code).save(using=alias)
        return Person(user.username, [App(app.bin_key) for app in apps], list(recovery_codes))

    def require_a_factor(self, person: Person) -> None:
        """Put somebody into the group whose people must have a second factor."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self._require_a_factor, person).result()

    def _require_a_factor(self, person: Person) -> None:
        with self._open() as alias:
            group = Group.objects.using(alias).get(name="Bookkeeping")
            group.user_set.db_manager(alias).add(User.objects.using(alias).get(username=person.name))

    def lock(self, person: Person) -> None:
        """Let somebody's codes be blocked in new browsers, as after too many wrong ones."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self._lock, person).result()

    def _lock(self, person: Person) -> None:
        with self._open() as alias:
            now = int(time.time() * 1000)
            failures = " ".join(str(now - 60_000 * minutes) for minutes in range(40, 6, -1))
            user = User.objects.using(alias).get(username=person.name)
            Browser(user=user, digest=Browser.OTHERS, failures=failures, in_a_row=34).save(using=alias)

    def lose_passkeys(self, person: Person) -> None:
        """Take somebody's passkeys off the site, without their browser's knowing."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self._lose_passkeys, person).result()

    def _lose_passkeys(self, person: Person) -> None:
        with self._open() as alias, connections[alias].cursor() as cursor:
            cursor.execute(
                "UPDATE django_otp_webauthn_webauthncredential SET credential_id_sha256 = 'lost by ' || %s "
                "WHERE user_id = (SELECT id FROM auth_user WHERE username = %s)",
                [person.name, person.name],
            )

    @contextmanager
    def _open(self) -> Iterator[str]:
        """Let the demo's database be there for a moment: where it stays, other tests would have it set up for themselves."""
        alias = "demo"
        mine = {"ENGINE": "django.db.backends.sqlite3", "NAME": self.database, "OPTIONS": {"timeout": 20}}
        connections.settings[alias] = connections.configure_settings({"default": mine})["default"]
        try:
            with self.blocker.unblock():
                yield alias
                connections[alias].close()
        finally:
            del connections[alias]
            del connections.settings[alias]
