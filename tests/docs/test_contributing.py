"""CONTRIBUTING.md names files, tests and rooms that are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from allauth_2fa.audit.events import EVENTS
from allauth_2fa.audit.notices import NOTICES
from allauth_2fa.factors import registry

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
PLACES = (ROOT, ROOT / "src" / "allauth_2fa")


def test_each_file_and_folder_is_there():
    named = set(re.findall(r"`([\w.-]+(?:/[\w.*-]+)*/?)`", PAGE))
    paths = {path for path in named if "/" in path or path.endswith((".py", ".md", ".toml"))}
    paths = {path for path in paths if not path.startswith(".venv")}  # what make builds is not there in a fresh checkout
    assert len(paths) > 20
    paths = {path for path in paths if not path.startswith(".venv")}  # made by make, when it is needed
    assert {path for path in paths if not any(list(place.glob(path.rstrip("/"))) for place in PLACES)} == set()
    folders = set(re.findall(r"tests/[\w/]+", PAGE))
    assert {folder for folder in folders if not (ROOT / folder).exists() and not list(ROOT.glob(f"{folder}*"))} == set()


def test_each_room_is_in_the_table_and_each_one_in_the_table_is_a_room():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rooms = {room.strip() for layer in contracts[0]["layers"] for room in layer.split(":")}
    table = PAGE.split("<!-- the rooms -->")[1]
    assert {room for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for room in re.findall(r"`(\w+)`", row)} == rooms


def test_each_command_of_make_is_there():
    makefile = (ROOT / "Makefile").read_text()
    targets = {name for line in re.findall(r"^([\w -]+):", makefile, re.MULTILINE) for name in line.split()}
    assert set(re.findall(r"`make ([a-z]+)", PAGE)) <= targets


def test_what_is_added_is_added_where_the_lists_say():
    src = ROOT / "src" / "allauth_2fa"
    assert "SETTINGS: Mapping[str, Setting]" in (src / "app_settings.py").read_text()
    assert EVENTS.keys() >= NOTICES.keys()
    assert all((ROOT / "src" / Path(*path.split(".")[:-1])).with_suffix(".py").exists() for _, path in registry.BUILT_IN)
