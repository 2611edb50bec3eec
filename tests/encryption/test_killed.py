"""The command is killed in the middle, and loses nothing; people enroll and log in while keys are rotated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from threading import Event

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.encryption import cipher, columns, values
from allauth_2fa.encryption.sweep import Action, State, sweep
from allauth_2fa.exceptions import NothingEnrolled, Refused
from allauth_2fa.factors import registry
from tests.cast import code_of
from tests.concurrency.conftest import alice, database, database_name  # noqa: F401 - fixtures
from tests.concurrency.test_threads import at_once
from tests.encryption.keys import NEW, OLD, held

ROOT = Path(__file__).parents[2]
ROWS = 3000


@pytest.fixture
def devices(database):  # noqa: F811 - the fixture
    """Authenticator apps that are there already, in a database that other processes can open."""
    # Nothing is rolled back here, and others have left secrets under keys of their own.
    TOTPDevice.objects.all().delete()
    user = User.objects.create_user("collector")
    made = TOTPDevice.objects.bulk_create(TOTPDevice(user=user, name="collected") for _ in range(ROWS))
    yield {device.pk: str(device.key) for device in made}
    user.delete()


def start(database_name, *arguments):  # noqa: F811 - the same
    """Start the command as a process of its own."""
    # A shell that runs the tests in the background has them ignore this signal, and what they start would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings_encrypted", "TEST_DATABASE_NAME": database_name}
    return subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-m", "django", "allauth_2fa_secrets", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def kill_in_the_middle(process, stop):
    """Wait for the third batch, and end the process by that signal."""
    for _batch in range(3):
        assert process.stdout.readline().startswith("otp_totp.totpdevice.key: ")
    process.send_signal(stop)
    process.communicate(timeout=30)
    return process.returncode


def found():
    """Return how many rows are in which state."""
    column = next(columns.columns())
    return list(sweep(column, Action.STATUS, batch_size=ROWS))[-1].found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_in_the_middle_each_row_is_as_it_was_or_as_it_is_to_be(devices, database_name, use, stop):  # noqa: F811 - the same
    use(NEW, OLD)
    for action, mixed in (("encrypt", {State.READABLE, State.NEWEST}), ("decrypt", {State.READABLE, State.NEWEST})):
        code = kill_in_the_middle(start(database_name, action, "--batch-size", "20"), stop)
        assert code == (130 if stop == signal.SIGINT else -stop)
        states = found()
        assert {state for state, number in states.items() if number} == mixed
        assert {device.pk: str(device.key) for device in TOTPDevice.objects.filter(name="collected")} == devices
        call_command("allauth_2fa_secrets", action, verbosity=0)
        assert {state for state, number in found().items() if number} == mixed - {State.READABLE if action == "encrypt" else State.NEWEST}
    assert {device.pk: str(device.key) for device in TOTPDevice.objects.filter(name="collected")} == devices


@pytest.mark.timeout(180)
def test_people_enroll_and_log_in_while_keys_are_rotated(alice, devices, use):  # noqa: F811 - the same
    use(OLD)
    call_command("allauth_2fa_secrets", "encrypt", verbosity=0)
    users = [User.objects.create_user(f"{alice.username}_{number}") for number in range(6)]
    phones = [TOTPDevice.objects.create(user=user, name="phone") for user in users]
    use(NEW, OLD)
    secrets = {phone.pk: str(phone.key) for phone in phones}

    def enroll(user):
        def work():
            for _round in range(10):
                device = registry.totp.begin(user)
                registry.totp.replace_secret(device)
                copy = TOTPDevice.objects.get(pk=device.pk)
                registry.totp.complete(copy, code_of(copy))
                secrets[device.pk] = str(copy.key)

        return work

    def log_in(phone):
        def work():
            accepted = 0
            for offset in (-1, 0, 1):
                copy = TOTPDevice.objects.get(pk=phone.pk)
                try:
                    registry.totp.judge(copy, code_of(copy, offset))
                    accepted += 1
                except Refused:
                    continue
                copy.save()
            return accepted

        return work

    outcomes = at_once(
        lambda: call_command("allauth_2fa_secrets", "rotate", batch_size=50, verbosity=0),
        *(enroll(user) for user in users[:3]),
        *(log_in(phone) for phone in phones[3:]),
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
    assert all(outcomes[4:])
    use(NEW)
    devices |= secrets
    assert {device.pk: str(device.key) for device in TOTPDevice.objects.filter(pk__in=devices)} == devices
    (newest,) = cipher.site_keys()
    mine = TOTPDevice.objects.filter(pk__in=devices)
    assert {cipher.key_id(text) for text in mine.values_list("key", flat=True)} == {newest.id}
    User.objects.filter(pk__in=[user.pk for user in users]).delete()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no rows")
def test_a_row_that_somebody_holds_is_not_waited_for(devices, use):
    use(NEW, OLD)
    first, last = min(devices), max(devices)
    held_now, done = Event(), Event()

    def hold():
        with transaction.atomic():
            TOTPDevice.objects.select_for_update().get(pk=last)
            held_now.set()
            assert done.wait(30)

    def encrypt():
        assert held_now.wait(30)
        try:
            call_command("allauth_2fa_secrets", "encrypt", verbosity=0, stdout=StringIO())
        except CommandError as error:
            return str(error)
        finally:
            done.set()

    assert at_once(hold, encrypt) == [None, "1 rows were busy. Run it again."]
    assert held(TOTPDevice.objects.get(pk=first)).startswith("~")
    assert not held(TOTPDevice.objects.get(pk=last)).startswith("~")
    call_command("allauth_2fa_secrets", "encrypt", verbosity=0, stdout=StringIO())
    assert held(TOTPDevice.objects.get(pk=last)).startswith("~")


def test_of_many_who_replace_and_confirm_one_setup_one_secret_is_confirmed(alice, use):  # noqa: F811 - the same
    use(NEW, OLD)
    device = registry.totp.begin(alice)
    copies = [TOTPDevice.objects.get(pk=device.pk) for _ in range(4)]
    outcomes = at_once(
        *(lambda copy=copy: registry.totp.complete(copy, code_of(copy)) for copy in copies[:2]),
        *(lambda copy=copy: registry.totp.replace_secret(copy) for copy in copies[2:]),
        lambda: call_command("allauth_2fa_secrets", "decrypt", verbosity=0),
        lambda: call_command("allauth_2fa_secrets", "encrypt", verbosity=0),
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception) and not isinstance(outcome, NothingEnrolled)], outcomes
    last = TOTPDevice.objects.get(pk=device.pk)
    if last.confirmed:
        assert last.key == device.key
    else:
        assert last.key in {copy.key for copy in copies[2:]}
    assert held(last) in values.equivalent_ciphertexts(str(last.key), "otp_totp.totpdevice.key", str(alice.pk))
