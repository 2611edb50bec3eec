"""The script that measures the rooms runs, and the order of the rooms holds."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACTS = {"enrollment", "password login", "right code", "guard stop", "support reset"}


@pytest.fixture(scope="module")
def measured():
    command = [sys.executable, str(ROOT / "scripts" / "rooms.py"), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.same_everywhere
@pytest.mark.timeout(180)
def test_each_act_is_walked_through_and_no_two_rooms_import_each_other(measured):
    assert measured["walks"].keys() == ACTS
    for walk in measured["walks"].values():
        assert walk["stays"] == len(walk["path"]) == walk["rooms"] + walk["returns"]
        assert walk["rooms"] > 1
    assert measured["mutual"] == []
    assert measured["figures"]["mutual pairs"] == 0
    assert measured["figures"]["lines"] > 1000


@pytest.mark.same_everywhere
@pytest.mark.timeout(180)
def test_each_room_of_a_walk_is_one_of_the_layers(measured):
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rooms = {room.strip() for layer in contracts[0]["layers"] for room in layer.split(":")}
    assert {room for walk in measured["walks"].values() for room in walk["path"]} <= rooms
