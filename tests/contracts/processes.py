"""Python processes that know nothing of this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_python(*arguments: str, settings: str) -> str:
    """Run Python with these settings of Django's, and return what it printed."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": settings, "PYTHONPATH": os.pathsep.join([str(ROOT), *_given_path()])}
    run = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _given_path() -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return [given] if given else []
