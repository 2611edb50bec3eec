"""The tests that need ``allauth.mfa``.

The test project does without it, as most sites do that come from 0.x, and an app cannot be installed half-way through
a run: its URLs, models and tables are made at the start. So this test runs those in tests/transfer/installed with
tests/settings_mfa.py, in a process of its own, wherever the suite runs: in ``make test``, on each database and in each
cell. By hand: ``python -m pytest --ds=tests.settings_mfa tests/transfer/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.timeout(300)
def test_the_tests_that_need_allauth_mfa_pass():
    run_with("tests.settings_mfa", "tests/transfer/installed")
