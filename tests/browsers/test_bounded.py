"""Browsers that are known do not grow in number for ever: not for a user, and not for a site."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from allauth_2fa.browsers import device_cookie
from allauth_2fa.models import Browser, DeviceOptions, RecoveryCode, RecoveryDevice
from tests.cast import is_logged_in, log_in

pytestmark = pytest.mark.django_db


def known(user, number, *, days=0, **columns):
    """Record that the user has verified in this number of browsers."""
    start = Browser.objects.count()
    seen = timezone.now() - timedelta(days=days)
    return Browser.objects.bulk_create(
        Browser(user=user, digest=f"{n:064}", name=f"Browser {n}", last_seen_at=seen + timedelta(seconds=n), **columns)
        for n in range(start, start + number)
    )


def verify(user, phone):
    """Log in in a browser without a cookie."""
    type(phone).objects.update(last_t=-1)
    client = Client()
    log_in(client, user, phone)
    assert is_logged_in(client)
    return client


def test_logins_without_a_cookie_leave_no_more_rows_than_there_may_be(alice, bob, phone):
    known(bob, 25)
    known(alice, device_cookie.MOST_BROWSERS, days=3)
    for _ in range(3):
        verify(alice, phone)
    left = Browser.objects.filter(user=alice)
    assert left.count() == device_cookie.MOST_BROWSERS
    assert left.filter(name__startswith="Browser").count() == device_cookie.MOST_BROWSERS - 3
    assert not left.filter(digest__in=[f"{n:064}" for n in (25, 26, 27)]).exists(), "those that were seen longest ago go first"
    assert Browser.objects.filter(user=bob).count() == 25


def test_a_browser_that_is_trusted_stays_longer_than_one_that_is_not(alice, phone):
    known(alice, 1, days=20, trusted_until=timezone.now() + timedelta(days=5))
    known(alice, 1, days=10, trusted_until=timezone.now() - timedelta(days=5))
    known(alice, device_cookie.MOST_BROWSERS, days=3)
    verify(alice, phone)
    assert set(Browser.objects.filter(digest__in=[f"{0:064}", f"{1:064}"]).values_list("digest", flat=True)) == {f"{0:064}"}


def test_a_browser_whose_cookie_has_run_out_goes_with_the_next_login_elsewhere(alice, phone):
    known(alice, 2, days=366)
    known(alice, 1, days=364)
    verify(alice, phone)
    assert Browser.objects.filter(name__startswith="Browser").count() == 1


def test_a_login_in_a_known_browser_forgets_none(alice, phone):
    client = verify(alice, phone)
    known(alice, device_cookie.MOST_BROWSERS + 5)
    del client.cookies["sessionid"]
    type(phone).objects.update(last_t=-1)
    log_in(client, alice, phone)
    assert Browser.objects.filter(user=alice).count() == device_cookie.MOST_BROWSERS + 6


def run(*arguments):
    out = StringIO()
    call_command("allauth_2fa_browsers", "prune", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_forgets_browsers_of_all_users(alice, bob):
    known(alice, 5, days=400)
    known(bob, 3, days=100)
    Browser.all_rows.create(user=bob, digest=Browser.OTHERS, last_seen_at=timezone.now() - timedelta(days=800))
    assert run("--dry-run").startswith("Would forget 5 browsers")
    assert Browser.objects.count() == 8
    assert run().startswith("Forgot 5 browsers")
    assert run("--unseen", "90d").startswith("Forgot 3 browsers")
    assert Browser.all_rows.count() == 1, "wrong codes elsewhere stay counted"


def test_many_browsers_are_forgotten_a_batch_at_a_time(alice):
    known(alice, 5, days=400)
    assert list(device_cookie.prune(device_cookie.unseen_since(), batch_size=2)) == [2, 2, 1]


def test_the_command_forgets_nobody_who_was_not_seen_yet():
    with pytest.raises(CommandError, match="past"):
        run("--unseen", "2999-01-01")


@pytest.mark.parametrize("model", [Browser, DeviceOptions, RecoveryCode, RecoveryDevice])
def test_no_index_is_the_beginning_of_a_unique_one(model):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    unique = {tuple(facts["columns"]) for facts in found.values() if facts["unique"] and facts["columns"]}
    others = [tuple(facts["columns"]) for facts in found.values() if facts["index"] and not facts["unique"] and facts["columns"]]
    assert [columns for columns in others if any(columns == long[: len(columns)] for long in unique)] == []


@pytest.mark.parametrize("model", [Browser, DeviceOptions, RecoveryCode, RecoveryDevice])
def test_each_unique_constraint_is_in_the_database(model):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    unique = {facts["columns"] and tuple(facts["columns"]) for facts in found.values() if facts["unique"]}
    wanted = {tuple(model._meta.get_field(field).column for field in constraint.fields) for constraint in model._meta.constraints}
    assert wanted <= unique
    assert wanted


def test_the_moment_is_that_of_the_cookie():
    with time_machine.travel("2026-06-01T00:00:00Z", tick=False):
        assert device_cookie.unseen_since().isoformat() == "2025-06-01T00:00:00+00:00"
