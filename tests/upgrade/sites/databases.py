"""A database for each site, beside the one of the suite that starts it."""

from __future__ import annotations

import os

from tests.services import database


def own_database(site: str) -> dict[str, dict[str, object]]:
    """Return Django's DATABASES for the site."""
    name = os.environ.get("TEST_DATABASE", "sqlite")
    chosen = database(name)
    return {"default": chosen if name == "sqlite" else {**chosen, "TEST": {"NAME": f"test_allauth_2fa_{site}"}}}
