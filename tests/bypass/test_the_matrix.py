"""The bypass matrix: by each entrance, in each state, to each place; and the tables of it in the documentation."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from . import table
from .entrances import ENTRANCES
from .oracle import OUTCOMES, cell, expected, outcome_of, right_code
from .places import PLACES
from .run import alice, run
from .states import STATES

PAGE = Path(__file__).parents[2] / "docs" / "bypass-matrix.md"

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.bypass.urls"), pytest.mark.same_everywhere]


def entrances_of(state):
    return [entrance for entrance in ENTRANCES if state.is_for_anybody_new or not entrance.makes_user]


def says(name, text):
    """Return whether the page says so between its marks. With ``WRITE_TABLES`` in the environment it does from now on."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, rest = PAGE.read_text().split(begin)
    if os.environ.get("WRITE_TABLES"):
        PAGE.write_text(f"{before}{begin}\n{text}\n\n{end}{rest.split(end)[1]}")
    return PAGE.read_text().split(begin)[1].split(end)[0].strip() == text


@pytest.fixture(scope="module")
def held():
    """The states in which everybody got what they were to get."""
    return set()


@pytest.mark.parametrize("state", STATES, ids=str)
def test_nobody_gets_more_or_less_than_the_policy_says(state, held):
    user = alice()
    entrances = [entrance for entrance in ENTRANCES if state.is_for_anybody_new or not entrance.makes_user]
    wrong = {}
    for entrance in entrances:
        found, wanted = run(state, entrance, user), expected(state, entrance)
        assert list(found) == list(wanted)
        wrong |= {(entrance.name, place): (got, wanted[place]) for place, got in found.items() if got != wanted[place]}
    assert not wrong
    held.add(state.name)
    rows = [table.row(each) for each in STATES if each.name in held]
    assert not os.environ.get("WRITE_TABLES") or says("the states", "\n".join([table.STATES_HEAD, *rows]))
    assert table.row(state) in PAGE.read_text().splitlines(), "WRITE_TABLES=1 writes it"


def test_the_page_has_these_states_and_no_other():
    text = PAGE.read_text().split("<!-- the states -->\n")[1].split("<!-- end of the states -->\n")[0].strip()
    assert text.splitlines()[:2] == table.STATES_HEAD.splitlines()
    assert re.findall(r"^\| \*\*(.+?)\*\* ", text, re.MULTILINE) == [state.name for state in STATES]


@pytest.mark.parametrize("found", OUTCOMES, ids=lambda found: found.name)
def test_the_page_says_what_is_open_in_each_state(found):
    assert any(outcome_of(state, entrance) is found for state in STATES for entrance in ENTRANCES)
    assert says(found.name, table.places(found)), "WRITE_TABLES=1 writes it"


def test_the_page_lists_the_entrances():
    assert says("the entrances", table.entrances()), "WRITE_TABLES=1 writes it"


def test_the_page_has_these_outcomes_and_explains_each_word():
    page = PAGE.read_text()
    assert re.findall(r"^<!-- end of (?!the )(.+) -->$", page, re.MULTILINE) == [found.name for found in OUTCOMES]
    cells = [got for found in OUTCOMES for place in PLACES for got in cell(found, place.kind)]
    words = {word.removeprefix("403: ") for word in [*cells, *map(right_code, STATES)]} - {""}
    assert set(re.findall(r"^\| `(.+)` \|", page, re.MULTILINE)) == words
