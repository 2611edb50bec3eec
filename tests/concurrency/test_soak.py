"""The soak, in short: what the clients saw agrees with the database, whichever process was killed, and with the cache gone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .server import ROOT

pytestmark = [
    pytest.mark.needs("postgres", "redis-server"),
    pytest.mark.same_everywhere,  # it is about PostgreSQL, whichever database the suite is about
    pytest.mark.timeout(180),
]

SHORT = {
    "a worker is killed": ("--logins", "200", "--kill-every", "120"),
    "the cache is stopped, and requests are no transactions": ("--logins", "100", "--kill-every", "0", "--stop-cache", "--autocommit"),
}


@pytest.mark.parametrize("options", SHORT.values(), ids=SHORT)
def test_everything_agrees(options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "soak", *options]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own soak
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.endswith("Everything agrees.\n")
