"""What lists and reports ask of a database with many users: how many statements, and which index serves them."""

from __future__ import annotations

import time
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.budget import locks
from allauth_2fa.models import Browser
from allauth_2fa.models.exemptions import Exemption
from allauth_2fa.requirement import report
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db

MANY = 300
LISTS = ["/admin/otp_totp/totpdevice/", "/admin/allauth_2fa/browser/", "/admin/allauth_2fa/exemption/", "/admin/allauth_2fa/lock/"]


@pytest.fixture
def many():
    """Many users with a device, a browser and an address each."""
    users = User.objects.bulk_create(User(username=f"user{n:05}", email=f"user{n:05}@example.com") for n in range(MANY))
    TOTPDevice.objects.bulk_create(TOTPDevice(user=user, name=f"Phone of {user.username}") for user in users)
    Browser.objects.bulk_create(Browser(user=user, digest=f"{user.pk:064}", name="Firefox on Linux") for user in users)
    EmailAddress.objects.bulk_create(EmailAddress(user=user, email=f"mail{user.pk}@example.com", verified=True) for user in users)
    return users


@pytest.fixture
def root(client):
    """A superuser who has answered the challenge."""
    user = User.objects.create_superuser("root", "root@elsewhere.example", PASSWORD)
    login_verified(client, user, TOTPDevice.objects.create(user=user, name="Root's"))
    return client


def asked(get):
    with CaptureQueriesContext(connection) as context:
        response = get()
    assert response.status_code == 200
    return response, [query["sql"] for query in context.captured_queries]


@pytest.mark.parametrize("query", [{}, {"q": "user00007"}, {"q": "nobody at all"}, {"p": "2"}])
@pytest.mark.parametrize("page", LISTS)
def test_a_list_is_counted_once_at_most(root, many, page, query):
    Exemption.objects.create(user=many[0], reason="x", expires_at="2999-01-01T00:00Z")
    _response, statements = asked(lambda: root.get(page, query))
    assert sum("COUNT(" in sql.upper() for sql in statements) <= 1, statements


@pytest.mark.parametrize("page", LISTS[:2])
@pytest.mark.parametrize("term", ["user00007", "user0000", "mail", "USER00007@example.com", " user00007 "])
def test_users_are_found_by_the_beginning_of_their_name_or_address(root, many, page, term):
    expected = {"mail": MANY, "user0000": 10}.get(term, 1)
    response, _statements = asked(lambda: root.get(page, {"q": term}))
    assert response.context["cl"].result_count == expected


def test_a_device_is_found_by_its_own_name_as_well(root, many):
    response, _statements = asked(lambda: root.get(LISTS[0], {"q": "of USER00008"}))
    assert [device.user for device in response.context["cl"].result_list] == [many[8]]
    response, _statements = asked(lambda: root.get(LISTS[0], {"q": " "}))
    assert response.context["cl"].result_count == MANY + 1


def test_the_report_takes_as_few_statements_for_many_users_as_for_few(settings, many, monkeypatch):
    settings.ALLAUTH_2FA_REQUIRED = ["group:few", "tests.queries.test_many_users.is_odd"]
    settings.ALLAUTH_2FA_GRACE_PERIOD = 14
    Group.objects.create(name="few").user_set.set(many[:10])
    with CaptureQueriesContext(connection) as once:
        whole = report.count(User.objects.all())
    assert len(once) <= 12
    assert sum(whole.values()) == MANY
    assert whole["satisfied"] == MANY // 2 + 5
    monkeypatch.setattr(report, "CHUNK", 100)
    with CaptureQueriesContext(connection) as in_parts:
        assert report.count(User.objects.all()) == whole
    assert len(in_parts) <= 4 * len(once)
    with CaptureQueriesContext(connection) as context:
        call_command("allauth_2fa_status", stdout=StringIO())
    assert len(context) <= 80


def is_odd(user):
    """Return whether the user is one of every second."""
    return int(user.username[-1]) % 2 == 1


def test_the_list_of_locks_looks_at_rows_that_may_be_locked_alone(many):
    now = int(time.time() * 1000)
    wrong = Browser.all_rows.create(user=many[0], digest=Browser.OTHERS, failures=" ".join([str(now)] * 33), in_a_row=33)
    heavy = Browser.all_rows.create(user=many[1], digest=Browser.OTHERS, failures=f"{now}*40", in_a_row=1)
    Browser.all_rows.create(user=many[2], digest=Browser.OTHERS, failures=str(now), in_a_row=1)
    row = Browser.objects.get(user=many[3])
    row.in_a_row = 100
    row.save()
    with CaptureQueriesContext(connection) as context:
        assert [lock.pk for lock, _budget in locks.all_locks()] == sorted([row.pk, wrong.pk, heavy.pk])
    assert len(context) == 1
    wanted = Browser.all_rows.filter(fullness__gte=10 * 14)
    assert wanted.count() == 3
    if connection.vendor == "sqlite":
        assert "allauth_2fa_browser_fullness" in wanted.explain()


def test_where_no_limit_locks_nothing_is_looked_at(settings, many, django_assert_num_queries):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["5/5m"], "known": ["5/5m"]}
    with django_assert_num_queries(0):
        assert list(locks.all_locks()) == []
