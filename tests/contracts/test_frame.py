"""What the tools of the project cannot say in their own configuration."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "allauth_2fa"
REQUIREMENTS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MATRIX = PROJECT["tool"]["allauth-2fa"]["matrix"]


def pinned(name):
    """Return the pins of a compiled file, by lower-case name."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (REQUIREMENTS / f"{name}.txt").read_text(), re.MULTILINE))


def test_an_answer_is_never_tried_against_every_device():
    # ruff bans the function, but compat.py is free of that rule for allauth's sake.
    assert [path.name for path in SOURCE.rglob("*.py") if "match_token" in path.read_text()] == []


LISTS = {"compat.py", "exceptions.py"}


def test_modules_stay_small():
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    # Lists of small things, which grow with what there is: what is asked of allauth, and how an answer fails.
    assert {name: length for name, length in lengths.items() if length > (400 if name in LISTS else 300)} == {}


def test_devices_are_handed_the_request_and_do_not_look_for_it():
    paths = list((SOURCE / "devices").glob("*.py"))
    assert len(paths) > 5
    assert [path.name for path in paths if re.search(r"core import .*\bcontext\b|context\.request", path.read_text())] == []


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.stem)
def test_requirements_name_no_host_and_no_machine(path):
    assert not re.search(r"://|--(extra-)?index-url|--find-links|/(home|root|tmp|Users)/", path.read_text())


@pytest.mark.parametrize("cell", MATRIX)
def test_a_cell_holds_the_django_that_it_is_named_after(cell):
    django = MATRIX[cell]["django"]
    assert cell.startswith(f"py{MATRIX[cell]['python'].replace('.', '')}-django{django.replace('.', '')}")
    assert re.match(rf"{re.escape(django)}(\.|$)", pinned(cell)["django"])


def test_the_floor_cell_holds_exactly_the_declared_floors():
    floors = dict(re.match(r"([\w-]+)>=([\d.]+)", dependency).groups() for dependency in PROJECT["project"]["dependencies"])
    (cell,) = (name for name, row in MATRIX.items() if row.get("floors"))
    assert {name: pinned(cell)[name.lower()] for name in floors} == floors


def test_every_tested_version_is_declared():
    declared = set(PROJECT["project"]["classifiers"])
    for row in MATRIX.values():
        assert f"Programming Language :: Python :: {row['python']}" in declared
        assert f"Framework :: Django :: {row['django']}" in declared
