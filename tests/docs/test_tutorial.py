"""A user who types in the tutorial gets the site that it promises."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks, files, text_of

pytestmark = [pytest.mark.same_everywhere, pytest.mark.timeout(240)]  # a whole site, with passwords hashed as slowly as its users' are

TUTORIAL = text_of("docs/tutorial.md")


def run(folder, *command):
    """Run Python as its reader would, in a shell that knows nothing of these tests."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(  # noqa: S603 - the commands are the tutorial's
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, typed in from the top of the page to the bottom."""
    folder = tmp_path_factory.mktemp("tutorial")
    assert run(folder, "-m", "django", "startproject", "mysite", ".").returncode == 0
    for name, content in files(TUTORIAL).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        # The later assignment counts, so that what follows stands instead of what startproject wrote.
        before = path.read_text() if name == "mysite/settings.py" else ""
        path.write_text(before + content)
    return folder


def test_every_command_is_one_that_is_run_here():
    console = "".join(blocks(TUTORIAL, "console")).splitlines()
    assert console == [
        "python -m venv .venv",
        ". .venv/bin/activate",
        "python -m pip install ../django-allauth-2fa",
        "django-admin startproject mysite .",
        "python manage.py migrate",
        "python manage.py check",
        "python manage.py createsuperuser",
        "python manage.py runserver",
        "python manage.py test",
    ]


def test_the_site_has_no_issues(site):
    assert run(site, "manage.py", "migrate").returncode == 0
    checked = run(site, "manage.py", "check")
    assert "System check identified no issues" in checked.stdout


def test_the_tests_and_the_steps_pass(site):
    shutil.copy(Path(__file__).with_name("walk.py"), site / "mysite" / "test_walk.py")
    tested = run(site, "manage.py", "test")
    assert tested.returncode == 0, tested.stderr
    assert "Ran 7 tests" in tested.stderr
