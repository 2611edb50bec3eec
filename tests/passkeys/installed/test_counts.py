"""What passkeys cost the database."""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.cast import give_answer, give_password, is_logged_in

from .conftest import LOGIN, PROVE, options_from

pytestmark = pytest.mark.django_db

CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


@pytest.fixture
def costs():
    """Run a call, and return what it returned with its statements, transaction control aside."""
    Site.objects.get_current()

    def run(call):
        with CaptureQueriesContext(connection) as captured:
            result = call()
        return result, [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(CONTROL)]

    return run


def test_after_the_password(client, alice, passkey, authenticator, costs):
    give_password(client, alice)
    _page, statements = costs(lambda: client.get(reverse(PROVE)))
    assert len(statements) <= 5, statements
    options, statements = costs(lambda: options_from(client, PROVE))
    assert len(statements) <= 5, statements
    _response, statements = costs(lambda: give_answer(client, authenticator.get(options)))
    assert is_logged_in(client)
    assert len(statements) <= 19, statements  # one of them asks how many browsers are known


def test_without_a_password(client, passwordless, authenticator, costs):
    options, statements = costs(lambda: options_from(client, LOGIN))
    assert len(statements) <= 2, statements
    credential = authenticator.get(options)
    _response, statements = costs(lambda: client.post(reverse(LOGIN), {"credential": credential}))
    assert is_logged_in(client)
    assert len(statements) <= 19, statements  # one of them asks how many browsers are known
