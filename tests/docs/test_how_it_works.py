"""The page for people who change the package names the rooms, the tables and the files that there are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from django.apps import apps

import allauth_2fa
from allauth_2fa.state import pending, session

from .pages import ROOT, rows, text_of

PACKAGE = Path(allauth_2fa.__file__).parent
PAGE = text_of("docs/how-it-works.md")


def column(header: str) -> list[str]:
    """Return the names in the first column of that table; pages.rows() takes the marks at both ends of a cell."""
    return [name for row in rows(PAGE, header) for name in re.split(r"`?, `?", row[0])]


def test_the_page_lists_every_room():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    there = [room.strip() for layer in layers for room in layer.split(":")]
    assert sorted(column("| room |")) == sorted(there)


def test_the_page_lists_every_table():
    tables = {model._meta.db_table for model in apps.get_app_config("allauth_2fa").get_models()}
    assert {name for name in column("| table |") if name.startswith("allauth_2fa_")} == tables


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:[\w/]+/)?\w+\.py|\w+/)`", PAGE))))
def test_every_file_that_the_page_sends_people_to_is_there(name):
    assert (PACKAGE / name).exists()


def test_the_page_names_each_fact_that_a_session_or_a_pending_login_holds():
    source = "".join(path.read_text() for path in (PACKAGE / "state").glob("*.py"))
    names = {name for pair in re.findall(r'_set\("(\w+)"|_put\((\w+)=', source) for name in pair if name}
    assert {"since", "trust", "proved_by"} <= names
    assert {name for name in names if f"`{name}`" not in PAGE} == set()


def test_the_page_names_each_session_key():
    keys = {value for name, value in (vars(session) | vars(pending)).items() if name.endswith("SESSION_KEY")}
    assert keys <= set(column("| key |"))
