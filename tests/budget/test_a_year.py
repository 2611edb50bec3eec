"""A year of attack beside a year of honest use, and the table of it in the documentation."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from allauth_2fa.budget import limits
from allauth_2fa.checks.budget import BOUND
from allauth_2fa.factors import registry
from tests.budget.conftest import DAY, HOUR, Caller

PAGE = Path(__file__).parents[2] / "docs" / "budget.md"
BEGIN, END = "<!-- a year -->\n", "<!-- the end of the year -->\n"

YEAR = 364
"""Days. The last one of 365 would let the first failures go."""

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300), pytest.mark.same_everywhere]


@dataclass
class Year:
    """What came of a year."""

    judged: int = 0
    refused_at_home: int = 0
    logins_at_home: int = 0
    typos_at_home: int = 0
    logins_elsewhere: int = 0
    by_code: int = 0
    by_recovery_code: int = 0
    openings: int = 0
    most_between_openings: int = 0
    since_opening: list[int] = field(default_factory=lambda: [0])


def live(user, phone, clock, *, guesses, travels):
    """Let the owner sign in every day, with a typo every Monday; and every two weeks in a new browser, if they travel."""
    year, home, stranger = Year(), Caller(user, phone), Caller(user, phone)
    codes = registry.recovery.renew(user, 40)
    began = time.time()
    assert home.log_in() == "in"
    for day in range(1, YEAR):
        if guesses:
            judged = len(stranger.besiege(clock, began + day * DAY - time.time() - HOUR))
            year.judged += judged
            year.since_opening[-1] += judged
        clock.move_to(began + day * DAY)
        if day % 7 == 0:
            year.typos_at_home += home.guess() == ["refused"]
        outcome = home.log_in()
        year.logins_at_home += outcome == "in"
        year.refused_at_home += outcome != "in"
        if travels and day % 14 == 0:
            clock.shift(60)
            arrive(year, Caller(user, phone), codes)
    return year


def arrive(year, elsewhere, codes):
    """Sign in in a browser that is new: by the app, else by a recovery code."""
    outcome = elsewhere.log_in()
    year.by_code += outcome == "in"
    if outcome != "in":
        assert elsewhere.say(codes.pop()) == "in"
        year.by_recovery_code += 1
        if outcome == "locked":
            year.openings += 1
            year.since_opening.append(0)
    year.logins_elsewhere += 1


def row(title, year):
    """Write a year as a row of the table."""
    chance = f"{limits.chance(year.judged) * 100:.4f} %" if year.judged else "none"
    home = f"{year.logins_at_home} of {year.logins_at_home + year.refused_at_home}"
    elsewhere = f"{year.by_code} by app, {year.by_recovery_code} by recovery code" if year.logins_elsewhere else "none tried"
    return f"| {title} | {year.judged} | {chance} | {home} | {elsewhere} | {year.openings} |"


HEAD = (
    "| a year | guesses checked | chance to hit | the owner's logins in the browser at home | in new browsers | locks opened |\n"
    "|---|---|---|---|---|---|"
)

YEARS = {
    "no one guesses": {"guesses": False, "travels": True},
    "an attacker guesses all the time": {"guesses": True, "travels": False},
    "an attacker guesses all the time, and the owner opens each lock": {"guesses": True, "travels": True},
}


@pytest.fixture(scope="module")
def table():
    """Collect the rows, and compare them with the documentation when all of them are there."""
    return {}


@pytest.mark.parametrize("title", YEARS)
def test_a_year(alice, phone, clock, table, title):
    year = live(alice, phone, clock, **YEARS[title])
    # The owner gets in at home, every day, even while others guess.
    assert (year.logins_at_home, year.refused_at_home, year.typos_at_home) == (YEAR - 1, 0, (YEAR - 1) // 7)
    assert max(year.since_opening) <= 33
    assert limits.chance(max(year.since_opening)) <= BOUND
    assert year.by_code + year.by_recovery_code == year.logins_elsewhere
    assert (year.judged > 0) == YEARS[title]["guesses"]
    line = row(title, year)
    page = PAGE.read_text()
    if os.environ.get("WRITE_TABLES"):
        table[title] = line
        written = "\n".join([HEAD, *table.values()])
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}{written}\n{END}{after}")
    assert line in PAGE.read_text(), "WRITE_TABLES=1 writes it"


def test_the_documentation_has_these_years_and_no_other():
    table = PAGE.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    assert table[:2] == HEAD.splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in table[2:]] == list(YEARS)
