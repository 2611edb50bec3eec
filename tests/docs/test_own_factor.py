"""A user who follows "Write your own factor" gets one, on all pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.processes import _given_path
from tests.docs.pages import ROOT, blocks, files, text_of

PAGE = text_of("docs/own-factor.md")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The test project with the app of the page."""
    folder = tmp_path_factory.mktemp("own-factor")
    for name, content in {"loft/__init__.py": "", **files(PAGE)}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    shutil.copy(Path(__file__).with_name("flight.py"), folder / "loft" / "tests.py")
    (folder / "project.py").write_text(
        "from tests.settings import *\nfrom tests.settings import INSTALLED_APPS\nfrom loft.settings import *\n"
        'INSTALLED_APPS = [*INSTALLED_APPS, "loft"]\n'
    )
    return folder


def run(project, *command):
    """Run a command of Django's in that project. Its tests are not about databases: SQLite will do."""
    path = os.pathsep.join([str(project), str(ROOT), *_given_path()])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project", "PYTHONPATH": path, "TEST_DATABASE": "sqlite"}
    return subprocess.run(  # noqa: S603 - the commands are the page's
        [sys.executable, "-m", "django", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_every_command_is_one_that_is_run_here():
    assert "".join(blocks(PAGE, "console")).splitlines() == ["python manage.py makemigrations loft", "python manage.py migrate"]


@pytest.mark.same_on_each_database
@pytest.mark.timeout(180)
def test_the_factor_works_on_all_pages(project):
    made = run(project, "makemigrations", "loft")
    assert made.returncode == 0, made.stderr
    tested = run(project, "test", "loft")
    assert tested.returncode == 0, tested.stderr
    assert "Ran 5 tests" in tested.stderr
    assert "allauth_2fa.E" not in tested.stderr + tested.stdout
