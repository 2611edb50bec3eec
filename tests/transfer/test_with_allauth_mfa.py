"""The tests that need ``allauth.mfa``.

The test project does without it, as most sites do that come from 0.x, and an app cannot be installed half-way through
a run: its URLs, models and tables are made at the start. So this test runs those in tests/transfer/installed with
tests/settings_mfa.py, in a process of its own, wherever the suite runs: in ``make test``, on each database and in each
cell. By hand: ``python -m pytest --ds=tests.settings_mfa tests/transfer/installed``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_the_tests_that_need_allauth_mfa_pass():
    command = [sys.executable, "-m", "pytest", "--ds=tests.settings_mfa", "-p", "no:cacheprovider", "tests/transfer/installed"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(command, cwd=ROOT, env=inherited, capture_output=True, text=True, check=False)  # noqa: S603 - our own tests
    assert run.returncode == 0, run.stdout + run.stderr
