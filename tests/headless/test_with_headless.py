"""The tests of allauth's headless API, in processes of their own: apps cannot be installed half-way through a run.

By hand: ``python -m pytest --ds=tests.settings_headless tests/headless/installed``, with TEST_NEIGHBOURS=mfa for a site that has
``allauth.mfa`` as well, and TEST_HEADLESS_ONLY=1 for one without pages.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with

INSTALLED = "tests/headless/installed"


def files(*names):
    return [f"{INSTALLED}/test_{name}.py" for name in names]


@pytest.mark.oldest_and_newest
@pytest.mark.timeout(600)
def test_clients_of_the_api_are_served():
    run_with("tests.settings_headless", INSTALLED)


@pytest.mark.oldest_and_newest
@pytest.mark.timeout(300)
def test_clients_are_served_beside_allauth_mfa(monkeypatch):
    monkeypatch.setenv("TEST_NEIGHBOURS", "mfa")
    run_with("tests.settings_headless", *files("beside_mfa", "login", "passkeys", "trust"))


@pytest.mark.oldest_and_newest
@pytest.mark.timeout(300)
def test_clients_are_served_where_there_are_no_pages(monkeypatch):
    monkeypatch.setenv("TEST_HEADLESS_ONLY", "1")
    run_with("tests.settings_headless", *files("without_pages", "every_way_in", "reauthentication"))
