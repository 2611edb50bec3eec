"""What a login costs where many kinds of devices are installed, and the user holds one of them."""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.calls.counting import ROOM, calls_of_a_login, whole
from tests.cast import code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db

TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


def statements_of(work):
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(TRANSACTION_CONTROL)]


def test_a_login_costs_hardly_more_than_with_one_kind(alice, phone):
    counted = calls_of_a_login(alice, phone)
    assert whole(counted) <= 36_500 * ROOM, counted


def test_it_costs_one_statement_more_at_each_step(client, alice, phone):
    Site.objects.get_current()
    assert connection.features.supports_json_field
    assert len(statements_of(lambda: give_password(client, alice))) == 6
    assert len(statements_of(lambda: client.get(reverse("two-factor-authenticate")))) == 4
    assert len(statements_of(lambda: give_answer(client, code_of(phone)))) == 14  # one looks at how many browsers are known
    assert is_logged_in(client)
