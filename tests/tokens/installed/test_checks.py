"""The check of access tokens that nobody holds against their session."""

from __future__ import annotations

import pytest

from tests.checks.test_checks import ids

from .app import BY_JWT

pytestmark = pytest.mark.django_db


def test_access_tokens_that_live_long_are_named(settings):
    assert ids("W025") == []
    settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 301
    assert ids("W025") == []
    settings.HEADLESS_TOKEN_STRATEGY = BY_JWT
    assert ids("W025") == ["allauth_2fa.W025"]
    settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 300
    assert ids("W025") == []
    settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 301
    settings.HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
    assert ids("W025") == []


def test_tokens_that_are_guarded_draw_no_message():
    assert ids("E024") == []
