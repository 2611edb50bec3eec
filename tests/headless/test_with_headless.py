"""The tests of allauth's headless API, in processes of their own: apps cannot be installed half-way through a run.

By hand: ``python -m pytest --ds=tests.settings_headless tests/headless/installed``, with TEST_NEIGHBOURS=mfa for a site that has
``allauth.mfa`` as well.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.oldest_and_newest
@pytest.mark.timeout(300)
@pytest.mark.parametrize("neighbours", ["", "mfa"])
def test_clients_of_the_api_are_served(monkeypatch, neighbours):
    monkeypatch.setenv("TEST_NEIGHBOURS", neighbours)
    run_with("tests.settings_headless", "tests/headless/installed")
