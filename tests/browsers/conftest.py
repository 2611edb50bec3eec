"""Sites that let users trust browsers."""

from __future__ import annotations

import pytest


@pytest.fixture
def _trust_enabled(settings):
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
