"""New sites that people make by typing what the pages say, in a shell that knows nothing of these tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in that folder as its reader would, with these variables in the environment."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"} | variables
    return subprocess.run(  # noqa: S603 - the commands are those of the pages
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def start(folder: Path, files: dict[str, str]) -> Path:
    """Make a project as Django does, and type these files in; settings go below what Django has written."""
    assert run(folder, "-m", "django", "startproject", "mysite", ".").returncode == 0
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        # The later assignment counts, so that what follows stands instead of what startproject wrote.
        before = path.read_text() if name == "mysite/settings.py" else ""
        path.write_text(before + content)
    return folder


def walk(folder: Path, steps: str, name: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run these steps there, as a test of the site's: all of them, or those of that class."""
    shutil.copy(Path(__file__).with_name(steps), folder / "mysite" / "test_walk.py")
    tests = [f"mysite.test_walk.{name}"] if name else []
    return run(folder, "manage.py", "test", *tests, **variables)
