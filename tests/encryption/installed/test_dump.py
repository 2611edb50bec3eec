"""Attack: read a dump of the database of a site with all factors, and try everything in it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse
from django_otp.oath import hotp
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from otp_twilio.models import TwilioSMSDevice

from allauth_2fa import support
from allauth_2fa.devices import staff
from allauth_2fa.encryption import cipher
from tests.cast import PASSWORD, code_of, give_password
from tests.concurrency.conftest import as_default, database_name  # noqa: F401 - a fixture
from tests.pager.models import LoudPager, Pager

SENDERS = (EmailDevice, TwilioSMSDevice, Pager, LoudPager)


def dump(database):
    """Return what a back-up of the database holds."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(database)) as copy:
            return "\n".join(copy.iterdump())
    facts = connection.settings_dict
    user = facts["USER"]
    if connection.vendor == "postgresql":
        command = ["pg_dump", f"postgresql://{quote(user)}@{facts['HOST']}:{facts['PORT']}/{database}"]
    else:
        command = ["mariadb-dump", f"--host={facts['HOST']}", f"--port={facts['PORT']}", f"--user={user}", database]
    if shutil.which(command[0]) is None:
        pytest.skip(f"left out, needs {command[0]}")
    secret = {"PGPASSWORD": facts["PASSWORD"], "MYSQL_PWD": facts["PASSWORD"]} if facts["PASSWORD"] else {}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **secret})  # noqa: S603 - found above
    return run.stdout


def set_up(client, user):
    """Set up an app and recovery codes on the pages, and return the codes."""
    give_password(client, user)
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get(user=user)
    response = client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    return [item.token for item in client.get(response["Location"]).context["backup_tokens"]]


def set_up_everything():
    """Fill a site on which everything is set up, is being set up, or is on its way; return the recovery codes."""
    alice, bob, carol = (User.objects.create_user(name, f"{name}@example.com", PASSWORD) for name in ("alice", "bob", "carol"))
    recovery = set_up(Client(), alice)
    waiting = Client()
    give_password(waiting, carol)
    waiting.get(reverse("two-factor-setup"))
    HOTPDevice.objects.create(user=alice, name="Token")
    EmailDevice.objects.create(user=bob, name="Mail").generate_challenge()
    TwilioSMSDevice.objects.create(user=bob, name="Phone", number="+15551234").generate_challenge()
    Pager.objects.create(user=bob, name="Pager").generate_challenge()
    LoudPager.objects.create(user=bob, name="Loud pager").generate_challenge()
    for user in (alice, bob):
        give_password(Client(), user)
    recovery.append(support.issue_code(bob, staff.console(), "lost everything"))
    return recovery


class Loot:
    """What an attacker has: a dump, and the sessions in it. What there is to find, and who judges it."""

    def __init__(self, database):
        messages = []
        Pager.sent.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TwilioSMSDevice, "_deliver_token", lambda self, message: messages.append(message))
            self.recovery = set_up_everything()
        self.dumped = dump(database)
        self.sessions = json.dumps([session.get_decoded() for session in Session.objects.all()])
        self.texts = texts_in(self.dumped) | texts_in(self.sessions)
        mailed = [message.body.strip() for message in mail.outbox if message.body.strip().isdigit()]
        self.codes = {str(code) for code in (*mailed, *messages, *Pager.sent)}
        self.secrets = {str(device.key) for model in (TOTPDevice, HOTPDevice) for device in model.objects.all()}
        self.senders = [device for model in SENDERS for device in model.objects.all()]
        call_command("allauth_2fa_secrets", "decrypt", verbosity=0)
        with override_settings(ALLAUTH_2FA_ENCRYPTION_KEYS=[]):
            EmailDevice.objects.update(last_generated_timestamp=None)
            EmailDevice.objects.get().generate_challenge()
            self.readable = dump(database)
            self.readable_code = EmailDevice.objects.get().token


@pytest.fixture(scope="module")
def loot(database_name, django_db_blocker):  # noqa: F811 - the fixture
    with django_db_blocker.unblock(), as_default(database_name):
        yield Loot(database_name)


def spelled(secret):
    """Return in which ways a secret may be written."""
    raw = bytes.fromhex(secret)
    thirty_two, sixty_four = base64.b32encode(raw).decode(), base64.b64encode(raw).decode()
    return {
        secret,
        secret.upper(),
        thirty_two.rstrip("="),
        thirty_two.lower().rstrip("="),
        sixty_four.rstrip("="),
        raw.decode("latin-1"),
        repr(raw),
    }


def texts_in(dumped):
    """Return each text in the dump: what stands in quotation marks, between tabs, between blanks."""
    found = set(re.findall(r"'((?:[^']|'')*)'", dumped)) | set(re.split(r"[\t\n]", dumped)) | set(re.split(r"[\s'\"(),;]+", dumped))
    return {text for text in found if 0 < len(text) <= 300}


def keys_in(texts):
    """Return each secret that a text may be, read in any way that an attacker would try."""
    for text in texts:
        bare = text.lstrip("~:")
        yield from (text.encode(), bare.encode())
        for candidate in (text, bare):
            for read in (
                bytes.fromhex,
                base64.b85decode,
                base64.b64decode,
                lambda one: base64.b32decode(one.upper() + "=" * (-len(one) % 8)),
            ):
                try:
                    raw = read(candidate)
                except ValueError:
                    continue
                # The whole, and what would be left of it without a head.
                yield from (raw, raw[3:], raw[16:], raw[19:])


def test_a_dump_holds_no_secret_and_no_code(loot):
    assert "alice@example.com" in loot.dumped
    assert "allauth_2fa" in loot.sessions
    assert sum(cipher.is_encrypted(text) and len(text) > 50 for text in loot.texts) == len(loot.secrets) == 3
    ways = {way for secret in loot.secrets for way in spelled(secret)}
    assert not [way for way in ways if way in loot.dumped or way in loot.sessions]
    assert len(loot.codes) >= len(SENDERS)
    assert not loot.codes & loot.texts
    assert len(loot.recovery) == 11
    assert not [code for code in loot.recovery if code in loot.dumped or code.replace("-", "") in loot.dumped]


def test_nothing_in_a_dump_can_be_made_into_a_code(loot):
    keys = set(keys_in(loot.texts)) - {b""}
    assert len(keys) > 500
    steps = range(60_000_000, 60_000_003)
    shown = {tuple(hotp(bytes.fromhex(secret), step) for step in steps) for secret in loot.secrets}
    assert not [key for key in keys if tuple(hotp(key, step) for step in steps) in shown]


def test_nothing_in_a_dump_is_taken_as_an_answer(loot):
    assert len(loot.senders) == 5  # the loud pager is a pager too
    for device in loot.senders:
        assert not [text for text in loot.texts if text == device.token]
        assert [code for code in loot.codes if code == device.token]


def test_the_same_site_without_keys_would_give_everything_away(loot):
    # So that the tests above are known to find what is there.
    texts = texts_in(loot.readable)
    assert loot.secrets <= texts
    assert {bytes.fromhex(secret) for secret in loot.secrets} <= set(keys_in(texts))
    assert loot.readable_code in texts
