"""Sites of each make, each gone through in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SITES = Path(__file__).parent / "sites"
ROOT = SITES.parents[2]

STORIES = [
    ("word_for_word", "story.py"),
    ("bare", "story.py"),
    ("email_only", "story.py"),
    ("uuid_username", "story.py"),
    ("beside_mfa", "story.py"),
    ("beside_mfa", "mfa_story.py"),
]


def run_story(site: str, story: str) -> subprocess.CompletedProcess[str]:
    """Run the story on the site, as another pytest that knows nothing of this one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    options = ("-q", "--tb=short", f"--ds=tests.upgrade.sites.{site}", "-p", "no:cacheprovider", "-p", "no:xdist", "--create-db")
    command = [sys.executable, "-m", "pytest", *options, str(SITES / story)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own tests


@pytest.mark.timeout(240)  # a whole pytest on a busy machine
@pytest.mark.parametrize(("site", "story"), STORIES)
def test_a_site_of_this_make_works(site, story):
    run = run_story(site, story)
    assert run.returncode == 0, run.stdout + run.stderr
    summary = run.stdout.strip().splitlines()[-1]
    assert re.fullmatch(r"\d+ passed in .*", summary), run.stdout
