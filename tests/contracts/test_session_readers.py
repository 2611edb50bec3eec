"""Each place in allauth that reads the user of a session, and what stands before it.

A new release of allauth that fails here has a place more, or has moved one. Find out whether what is read there may be shown
(``compat.guard_session_readers``), then name it.
"""

from __future__ import annotations

import ast
from functools import partial
from pathlib import Path

import allauth
import pytest
from django.contrib.sessions.backends.db import SessionStore

from allauth_2fa import compat
from allauth_2fa.login import guard
from allauth_2fa.sessions import ending
from tests.checks.test_checks import ids

ALLAUTH = Path(allauth.__file__).parent

READING = {
    *("get_user", "aget_user", "get_session_user", "_get_user_session_key"),
    *("SESSION_KEY", "HASH_SESSION_KEY", "BACKEND_SESSION_KEY", "_auth_user_id"),
    *("SessionStore", "session_store", "lookup_session", "get_token_session", "session_key_from_sid"),
    *("authenticate_by_x_session_token", "validate_access_token", "validate_refresh_token", "validate_token_user"),
}
"""By which a user is read out of a session, a session is found, or the user of a token is found."""

GUARDED = "reads by get_session_user(), which asks us"
FINDS = "finds a session, or its key, and reads no user"
BY_REQUEST = "puts the session into the request, whose user our middleware reads, or else get_user(), which asks us"
LISTS = "lists the sessions of a user to that user, who is known already"

PLACES = {
    "account/adapter.py": ({"get_user"}, "asks which authentication back end can read users at all"),
    "core/internal/sessionkit.py": ({"get_user"}, "get_user() has been replaced by one that asks us"),
    "headless/contrib/ninja/security.py": ({"authenticate_by_x_session_token", "validate_access_token"}, GUARDED),
    "headless/contrib/rest_framework/authentication.py": ({"authenticate_by_x_session_token", "validate_access_token"}, GUARDED),
    "headless/internal/authkit.py": ({"get_user", "lookup_session"}, BY_REQUEST),
    "headless/internal/sessionkit.py": ({"SESSION_KEY", "SessionStore", "get_session_user", "lookup_session", "session_store"}, GUARDED),
    "headless/tokens/strategies/jwt/internal.py": (
        {"get_session_user", "get_token_session", "lookup_session", "session_key_from_sid", "validate_token_user"},
        GUARDED + "; a stateless access token asks no session (docs/sessions.md)",
    ),
    "headless/tokens/strategies/jwt/strategy.py": (
        {"lookup_session", "session_key_from_sid", "validate_access_token", "validate_refresh_token"},
        GUARDED,
    ),
    "headless/tokens/strategies/sessions.py": ({"session_store"}, FINDS),
    "socialaccount/sessions.py": ({"SessionStore"}, "keeps a provider's answer in a session of its own, which names nobody"),
    "usersessions/models.py": ({"SessionStore", "get_session_user"}, LISTS),
}


def uses(path: Path) -> set[str]:
    """Return by which of these a module reads. Methods that bear such a name are something else."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found & READING


def modules() -> list[tuple[str, Path]]:
    """Return what allauth consists of."""
    found = [(path.relative_to(ALLAUTH).as_posix(), path) for path in sorted(ALLAUTH.rglob("*.py"))]
    return [(name, path) for name, path in found if "tests" not in path.parts]


def test_each_place_that_reads_a_sessions_user_is_named_here():
    found = {name: uses(path) for name, path in modules()}
    assert {name: reads for name, reads in found.items() if reads} == {name: reads for name, (reads, _why) in PLACES.items()}


OF_A_TOKEN = "has found the user of a token of its own, which names no session"

PUTS = {
    "core/internal/sessionkit.py": ({"session"}, "a request of its own, for get_user()"),
    "headless/contrib/ninja/security.py": ({"user"}, GUARDED),
    "headless/internal/authkit.py": ({"session", "user"}, BY_REQUEST),
    "idp/oidc/contrib/ninja/security.py": ({"user"}, OF_A_TOKEN),
    "idp/oidc/internal/oauthlib/authorization_codes.py": ({"user"}, OF_A_TOKEN),
    "idp/oidc/internal/oauthlib/request_validator.py": ({"user"}, OF_A_TOKEN),
    "idp/oidc/views.py": ({"user"}, OF_A_TOKEN),
    "socialaccount/internal/statekit.py": ({"session"}, "reads the session of the same key again"),
}


def puts(path: Path) -> set[str]:
    """Return what of these a module puts into a request."""
    assigned = (target for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assign) for target in node.targets)
    attributes = (target for target in assigned if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name))
    return {one.attr for one in attributes if one.value.id in {"request", "orequest"}} & {"session", "user"}


def test_each_place_that_gives_a_request_another_session_or_user_is_named_here():
    found = {name: puts(path) for name, path in modules()}
    assert {name: put for name, put in found.items() if put} == {name: put for name, (put, _why) in PUTS.items()}


def test_code_that_has_imported_the_reader_asks_us():
    """The function is allauth's own; what it calls has been replaced."""
    assert isinstance(compat.sessionkit.get_user, partial)
    assert compat.sessionkit.get_session_user.__globals__["get_user"] is compat.sessionkit.get_user


@pytest.mark.django_db
def test_the_reader_shows_only_the_user_that_the_session_may_show(client, alice):
    client.force_login(alice)
    session = SessionStore(client.session.session_key)
    assert compat.sessionkit.get_session_user(session) == alice
    ending.end_all(alice)
    assert compat.sessionkit.get_session_user(SessionStore(session.session_key)) is None
    assert compat.sessionkit.get_session_user(SessionStore()) is None


def test_the_readers_are_guarded_once():
    guarded = compat.sessionkit.get_user
    compat.guard_session_readers(guard.may_show)
    assert compat.sessionkit.get_user is guarded


def test_an_allauth_that_reads_in_another_way_is_named(monkeypatch):
    assert ids("E024") == []
    monkeypatch.setattr(compat.sessionkit, "get_session_user", lambda session: session.user)
    assert ids("E024") == ["allauth_2fa.E024"]
