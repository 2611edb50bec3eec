"""Attack: read keys and secrets in error reports, in messages of the checks, in what is shown of objects."""

from __future__ import annotations

import sys
from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.views.debug import ExceptionReporter
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.encryption import values
from tests.encryption.keys import NEW

pytestmark = pytest.mark.django_db

# Reports show the lines of the source too.
WEAK, SECRET = "weak" * 10, "c0ffee" * 6


def report_of(rf, work, expected):
    """Return the report, in both forms, that the site's own handler would mail of what the work raises."""
    try:
        work()
    except expected:
        reporters = [ExceptionReporter(rf.get("/"), *sys.exc_info(), is_email=is_email) for is_email in (True, False)]
        return "\n".join(part for one in reporters for part in (one.get_traceback_html(), one.get_traceback_text()))
    pytest.fail("it raised nothing")


@pytest.mark.parametrize("entries", [[NEW, WEAK], [NEW, b"bytes"], NEW])
def test_no_report_shows_a_key(rf, alice, settings, entries):
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = entries
    report = report_of(rf, lambda: TOTPDevice.objects.create(user=alice), ImproperlyConfigured)
    assert "cannot be used" in report
    assert NEW not in report
    assert WEAK not in report


def test_no_report_of_a_save_that_fails_shows_the_secret(rf, alice, use):
    use(NEW)

    def refuse(execute, sql, *rest):
        if "otp_totp" in sql:
            raise DatabaseError
        return execute(sql, *rest)

    def work():
        with connection.execute_wrapper(refuse):
            device.save()

    device = TOTPDevice(user=alice, key=SECRET)
    report = report_of(rf, work, DatabaseError)
    assert "DatabaseError" in report
    assert SECRET not in report


@pytest.mark.parametrize("entries", [[NEW, WEAK], NEW, (NEW, WEAK), {NEW: 1}])
def test_no_check_shows_a_key(settings, entries):
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = entries
    told = " ".join(f"{message.msg} {message.hint}" for message in run_checks() if "ENCRYPTION_KEYS" in message.msg)
    assert told
    assert NEW not in told
    assert WEAK not in told


@pytest.mark.parametrize("action", ["status", "encrypt", "rotate", "decrypt"])
def test_the_command_shows_no_key(settings, action):
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = [NEW, WEAK]
    with pytest.raises(CommandError) as raised:
        call_command("allauth_2fa_secrets", action, stdout=StringIO(), skip_checks=True)
    assert "entry 2 repeats itself" in str(raised.value)
    assert WEAK not in str(raised.value)


def test_what_is_shown_of_a_secret_is_not_the_secret(alice, use):
    use(NEW)
    device = TOTPDevice.objects.create(user=alice)
    for value in (device.key, TOTPDevice.objects.get().key, values.digested("271828", "pager.pager.token", "7")):
        assert str(value) not in repr([value])
        assert value.stored not in repr([value])
    assert repr(device.key) == "<Secret of otp_totp.totpdevice.key>"
