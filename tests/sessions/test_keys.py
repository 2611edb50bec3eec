"""A session that gets a new key: nothing is lost, the old key is worth nothing, and it is stored once."""

from __future__ import annotations

from importlib import import_module

import pytest

from allauth_2fa.sessions import keys

pytestmark = pytest.mark.django_db

STORES = ["db", "cache", "cached_db", "file"]


@pytest.fixture(params=STORES)
def store(request, settings, tmp_path):
    """One of Django's stores of sessions that have a key."""
    settings.SESSION_FILE_PATH = str(tmp_path)
    return import_module(f"django.contrib.sessions.backends.{request.param}").SessionStore


def test_a_session_goes_on_under_another_key(store):
    session = store()
    session["cart"] = ["shoes"]
    session.set_expiry(77)
    session.save()
    old = session.session_key
    session = store(old)
    keys.renew(session)
    assert not store().exists(old)
    session["cart"] = ["hat"]
    session.save()
    assert session.session_key not in {None, old}
    found = store(session.session_key)
    assert dict(found.items()) == {"cart": ["hat"], "_session_expiry": 77}


def test_a_session_in_a_cookie_keeps_what_it_holds(settings):
    session = import_module("django.contrib.sessions.backends.signed_cookies").SessionStore()
    session["cart"] = ["shoes"]
    keys.renew(session)
    assert session.modified
    session.save()
    assert dict(type(session)(session.session_key).items()) == {"cart": ["shoes"]}


def test_it_costs_four_statements_and_a_savepoint(django_assert_num_queries):
    session = import_module("django.contrib.sessions.backends.db").SessionStore()
    session["cart"] = ["shoes"]
    session.save()
    # The old row is looked up and deleted, and the new one inserted once its key is known to be free, in a savepoint.
    with django_assert_num_queries(6):
        keys.renew(session)
        session.save()
