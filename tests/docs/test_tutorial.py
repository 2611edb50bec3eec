"""A user who types in the tutorial gets the site that it promises."""

from __future__ import annotations

import pytest

from tests.docs.pages import blocks, files, text_of
from tests.docs.sites import run, start, walk

pytestmark = [pytest.mark.same_everywhere, pytest.mark.timeout(240)]  # a whole site, with passwords hashed as slowly as its users' are

TUTORIAL = text_of("docs/tutorial.md")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, typed in from the top of the page to the bottom."""
    return start(tmp_path_factory.mktemp("tutorial"), files(TUTORIAL))


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
    tested = walk(site, "walk.py")
    assert tested.returncode == 0, tested.stderr
    assert "Ran 7 tests" in tested.stderr
