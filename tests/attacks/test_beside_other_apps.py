"""Attack: use what else of allauth's is installed: ``allauth.mfa``, the headless API, the list of sessions.

An app cannot be installed half-way through a run, so the attacks in tests/attacks/beside run in processes of their own.
By hand: ``python -m pytest --ds=tests.settings_both tests/attacks/beside``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.oldest_and_newest
@pytest.mark.same_on_each_database
@pytest.mark.timeout(300)
@pytest.mark.parametrize("neighbours", ["mfa,headless,usersessions", "headless"])
def test_neither_neighbour_opens_a_way_past_the_other(monkeypatch, neighbours):
    monkeypatch.setenv("TEST_NEIGHBOURS", neighbours)
    run_with("tests.settings_both", "tests/attacks/beside")
