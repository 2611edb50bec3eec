"""Attack: use what else of allauth's is installed: ``allauth.mfa``, the headless API, the list of sessions.

An app cannot be installed half-way through a run, so the attacks in tests/attacks/beside run in processes of their own.
By hand: ``python -m pytest --ds=tests.settings_both tests/attacks/beside``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("neighbours", ["mfa,headless,usersessions", "headless"])
def test_neither_neighbour_opens_a_way_past_the_other(neighbours):
    # The lines run there count: the data files of parallel runs are combined when this one ends.
    measured = ["coverage", "run", "--parallel-mode", "-m"] if coverage.Coverage.current() else []
    options = ["--ds=tests.settings_both", "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", *measured, "pytest", *options, "tests/attacks/beside"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    inherited["TEST_NEIGHBOURS"] = neighbours
    run = subprocess.run(command, cwd=ROOT, env=inherited, capture_output=True, text=True, check=False)  # noqa: S603 - our own tests
    assert run.returncode == 0, run.stdout + run.stderr
