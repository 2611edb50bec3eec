"""The clients, and what they may hold."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings

from tests.headless.clients import BY_JWT, CLIENTS, Api, JwtApp

collect_ignore = [
    *([] if apps.is_installed("allauth.mfa") else ["test_beside_mfa.py"]),
    *([] if settings.HEADLESS_ONLY else ["test_without_pages.py"]),
]


@pytest.fixture(params=CLIENTS, ids=lambda client: client.__name__.lower())
def api(request: pytest.FixtureRequest, settings) -> Api:
    """A client of each kind."""
    if request.param is JwtApp:
        settings.HEADLESS_TOKEN_STRATEGY = BY_JWT
        settings.HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
    return request.param()
