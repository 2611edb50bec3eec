"""The matrix finds what is switched off: each half of the defence, and both."""

from __future__ import annotations

import pytest
from allauth.account.adapter import DefaultAccountAdapter

from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.login import verdict
from allauth_2fa.requirement import in_session

from .entrances import ENTRANCES
from .oracle import expected
from .places import PLACES
from .run import alice, run
from .states import STATES

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.bypass.urls"), pytest.mark.same_everywhere]

TRIED = [place for place in PLACES if place.kind in {"members", "api"}]
OWING = [state for state in STATES if state.name in {"confirmed", "required, but missing"}]


def without_the_guard(monkeypatch):
    monkeypatch.setattr(verdict, "must_challenge", lambda _request, _user: False)
    monkeypatch.setattr(in_session, "lacks", lambda _request, _user: False)


def without_the_stages(monkeypatch):
    monkeypatch.setattr(OTPAdapter, "get_login_stages", DefaultAccountAdapter.get_login_stages)


def holes(state):
    """Return the entrances by which somebody gets in at each of the places that are tried, and is not to."""
    user, found = alice(), set()
    for entrance in ENTRANCES:
        if entrance.makes_user:
            continue
        cells, wanted = run(state, entrance, user, TRIED), expected(state, entrance)
        assert all("in" not in wanted[place.name] for place in TRIED)
        ways = {cells[place.name] == ("in", "in") for place in TRIED}
        assert len(ways) == 1, cells
        found |= {entrance.name} if ways == {True} else set()
    return found


@pytest.mark.parametrize("state", OWING, ids=str)
def test_without_the_guard_all_entrances_but_allauths_are_holes(state, monkeypatch):
    without_the_guard(monkeypatch)
    foreign = {entrance.name for entrance in ENTRANCES if not entrance.of_allauth or entrance.is_running}
    assert holes(state) == foreign


@pytest.mark.parametrize("state", OWING, ids=str)
def test_without_the_stages_the_guard_catches_allauths_logins_too(state, monkeypatch):
    without_the_stages(monkeypatch)
    assert holes(state) == set()


@pytest.mark.parametrize("state", OWING, ids=str)
def test_without_both_each_entrance_is_a_hole(state, monkeypatch):
    without_the_guard(monkeypatch)
    without_the_stages(monkeypatch)
    assert holes(state) == {entrance.name for entrance in ENTRANCES if not entrance.makes_user}
