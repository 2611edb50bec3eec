"""A user who can prove who they are gets in within minutes, or the table in the documentation says by which other way.

Somebody who knows the password does his worst for two days, and goes on while the owner comes. The clock stands still until
it is moved.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django_otp import oath
from otp_yubikey.models import RemoteYubikeyDevice, ValidationService

from allauth_2fa.models import RecoveryDevice
from tests.budget.conftest import empty
from tests.cast import code_of, give_answer, give_password, is_logged_in
from tests.matrix.every_kind import Email, Passkey, Sms
from tests.matrix.kinds import CHALLENGE, Hotp, Kind, Paged, Recovery, Static, Totp, Yubi
from tests.pager.models import Pager
from tests.plugins_of_django_otp.validation import API_KEY, ValidationServer

PAGE = Path(__file__).parents[3] / "docs" / "budget.md"
BEGIN, END = "<!-- who gets in -->\n", "<!-- the end of who gets in -->\n"

HOME, NEW = "in a browser that knows them", "in a new browser"
HEAD = f"| the owner has | {HOME} | {NEW} |\n|---|---|---|"

MINUTE, HOURS, DAYS = 60, 8 * 3600, 2 * 86400
PATIENCE = 4 * MINUTE
"""Seconds for which the owner tries, once a minute."""

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]


class Touched(Kind):
    """A YubiKey whose codes a validation service checks."""

    throttled = False

    def make(self):
        # It serves until the process ends.
        server = ValidationServer()
        facts = {"use_ssl": False, "param_sl": "", "param_timeout": "", "base_url": server.url}
        service = ValidationService.objects.create(name="ours", api_id=1, api_key=API_KEY, **facts)
        self.key = server.make_key()
        return RemoteYubikeyDevice.objects.create(user=self.user, service=service, public_id=self.key.public_id.decode())

    def right(self, client, store=CHALLENGE):
        return self.key.touch()


KINDS = {
    "an authenticator app": Totp,
    "a hardware token": Hotp,
    "e-mail": Email,
    "text messages": Sms,
    "static tokens": Static,
    "recovery codes": Recovery,
    "a YubiKey with a validation service": Touched,
    "a passkey": Passkey,
    "a device of another kind, that is sent codes": Paged,
    "a device of another kind, that shows them": Yubi,
}


def received(kind, gateway):
    """Return the codes that the owner was sent, the newest last, including those that others requested."""
    if isinstance(kind, Email):
        return [re.search(r"^ {4}(\d{3} \d{3})$", sent.body, re.MULTILINE)[1] for sent in mail.outbox if "] Your " in sent.subject]
    return [message.code for message in gateway.sent] if isinstance(kind, Sms) else list(Pager.sent)


class Siege:
    """An owner, and somebody who knows the password."""

    def __init__(self, kind, gateway, clock):
        self.kind, self.user, self.gateway, self.clock = kind, kind.user, gateway, clock
        self.sends = isinstance(kind, Email | Sms | Paged)
        self.codes = kind.codes if isinstance(kind, Recovery) else RecoveryDevice.renew(self.user.pk, 20)

    def begin(self):
        """Guess for two days, at the end of a year in which all guesses that there are were made."""
        empty(self.user)
        self.go_on(DAYS, HOURS)
        self.go_on(2 * MINUTE, MINUTE)

    def attack(self):
        """Ask for codes and try whatever has the shape of an answer, each addressed to the device, and to none."""
        thief = Client()
        give_password(thief, self.user)
        device = {} if self.kind.stands_in else {"device": self.kind.device.persistent_id}
        thief.post(CHALLENGE, {"action": "send", **device})
        for answer in ("000000", "000000" * 3, "c" * 44):
            give_answer(thief, answer, **device)
        for answer in ("000000", "zzzzzzzz", "0000-0000-0000-0000"):
            give_answer(thief, answer)
        assert not is_logged_in(thief)

    def go_on(self, seconds, every):
        """Attack for so long."""
        for _moment in range(0, seconds, every):
            self.attack()
            self.clock.shift(every)

    def enter(self, client, answer_of):
        """Let the owner try until they are in; return how many seconds that took, None if they gave up."""
        self.attack()
        client.cookies.pop("sessionid", None)
        give_password(client, self.user)
        for passed in range(0, PATIENCE, MINUTE):
            self.attack()
            answer = answer_of(client)
            give_answer(client, answer)
            if is_logged_in(client):
                return passed
            self.clock.shift(MINUTE)
        return None

    def by_the_factor(self, client):
        """Return the answer that the owner's device, list or inbox gives."""
        if isinstance(self.kind, Recovery):
            return self.by_a_recovery_code(client)
        if not self.sends:
            return self.kind.right(client)
        client.post(CHALLENGE, {"action": "send"})
        return (received(self.kind, self.gateway) or ["123456"])[-1]

    def by_a_recovery_code(self, _client):
        """Return one of the list."""
        return self.codes.pop()

    def by_three_codes(self, _client):
        """Return three codes in a row of the app, or of the token."""
        if isinstance(self.kind, Hotp):
            self.kind.look_again()
            first = self.kind.device.counter
            return "".join(f"{oath.hotp(self.kind.device.bin_key, at):06d}" for at in range(first, first + 3))
        phone = self.kind.phone or self.kind.device
        return " ".join(code_of(phone, offset) for offset in (-2, -1, 0))

    def told(self, client):
        """Return what the table says of this browser."""
        seconds = self.enter(client, self.by_the_factor)
        if seconds is not None:
            return took(seconds)
        ways = {"a recovery code": self.by_a_recovery_code}
        if isinstance(self.kind, Totp | Hotp | Static):
            ways = {"three codes in a row": self.by_three_codes, **ways}
        cells = []
        for way, answer_of in ways.items():
            seconds = self.enter(Client(), answer_of)
            assert seconds is not None, f"not even {way} opens the login"
            cells.append(f"{way}, {took(seconds)}")
            # The lock that this has opened is shut again before the next one comes.
            empty(self.user)
            self.go_on(2 * MINUTE, MINUTE)
        return f"not by that; by {', or '.join(cells)}"


def took(seconds):
    return "at once" if seconds == 0 else f"within {max(1, -(-seconds // 60))} min"


@pytest.fixture
def gateway(_gateway):
    return _gateway


@pytest.fixture(scope="module")
def table():
    """Collect the rows, and write them when they are all there."""
    return {}


@pytest.mark.same_everywhere
@pytest.mark.parametrize("title", KINDS)
def test_the_owner_gets_in(alice, gateway, settings, title, table):
    settings.ALLAUTH_2FA_FACTORS = [*settings.ALLAUTH_2FA_FACTORS, "yubikey"]
    Pager.sent.clear()
    gateway.sent.clear()
    with time_machine.travel(1_767_225_605, tick=False) as clock:
        kind = KINDS[title](alice)
        siege, home = Siege(kind, gateway, clock), Client()
        give_password(home, alice)
        give_answer(home, siege.by_the_factor(home))
        assert is_logged_in(home)
        siege.begin()
        cells = [siege.told(browser) for browser in (home, Client())]
    assert not cells[0].startswith("not"), "in a browser that knows them the owner needs no other way"
    line = " | ".join([f"| {title}", *cells]) + " |"
    if os.environ.get("WRITE_TABLES"):
        table[title] = line
        before, after = PAGE.read_text().split(BEGIN)[0], PAGE.read_text().split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}{HEAD}\n{chr(10).join(table.values())}\n{END}{after}")
    assert line in PAGE.read_text(), "WRITE_TABLES=1 writes it"
    cache.clear()


def test_the_table_has_each_kind_and_no_other():
    rows = PAGE.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    assert rows[:2] == HEAD.splitlines()
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]] == list(KINDS)
