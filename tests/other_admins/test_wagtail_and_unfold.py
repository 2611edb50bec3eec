"""Wagtail's admin and Unfold's, which have logins, sites and templates of their own.

They are not installed half-way through a run, so the tests in tests/other_admins/installed run in a process of their own.
By hand: ``python -m pytest --ds=tests.settings_other_admins tests/other_admins/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.same_everywhere
@pytest.mark.timeout(300)
def test_the_tests_that_need_wagtail_and_unfold_pass():
    run_with("tests.settings_other_admins", "tests/other_admins/installed")
