"""Sites with keys and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.apps import apps

from tests.encryption.keys import NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Callable

collect_ignore = [] if apps.is_installed("tests.pager") else ["installed"]


@pytest.fixture
def use(settings) -> Callable[..., None]:
    """Give the site these keys, the newest first."""

    def run(*keys: str) -> None:
        settings.ALLAUTH_2FA_ENCRYPTION_KEYS = list(keys)

    return run


@pytest.fixture
def keyed(use) -> None:
    """The site has two keys."""
    use(NEW, OLD)
