"""`make neighbours` finds what differs, and holds its list to it both ways. The neighbour here is a small one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from neighbours import compare, sources
from neighbours.__main__ import differences
from neighbours.suites import SUITES, Outcome, Suite

TESTS = """
import os
import unittest

import pytest

WITH_US = os.environ["NEIGHBOURS_WITH_US"] == "1"


def test_that_passes():
    pass


def test_that_always_fails():
    assert False


def test_that_we_mend():
    assert WITH_US


def test_that_we_break():
    assert not WITH_US


@pytest.mark.parametrize("text", ["[a] b::c"])
def test_that_we_break_with_a_strange_name(text):
    assert not WITH_US


def test_that_we_skip():
    if WITH_US:
        pytest.skip("not here")


@pytest.fixture
def breaking():
    yield
    assert not WITH_US


def test_that_we_break_at_its_end(breaking):
    pass


if not WITH_US:
    def test_that_we_lose():
        pass


class TestInParts(unittest.TestCase):
    def test_of_parts(self):
        for part in ("good", "bad"):
            with self.subTest(part=part):
                self.assertFalse(WITH_US and part == "bad")
"""

DIFFERING = {
    "test_toy.py::test_that_we_break",
    "test_toy.py::test_that_we_break_with_a_strange_name[[a] b::c]",
    "test_toy.py::test_that_we_skip",
    "test_toy.py::test_that_we_break_at_its_end",
    "test_toy.py::test_that_we_lose",
    "test_toy.py::TestInParts::test_of_parts (part=bad)",
}


@dataclass(frozen=True)
class Toy(Suite):
    """A suite that is not downloaded."""

    place: Path = field(default=Path())

    @property
    def folder(self):
        return self.place


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "test_toy.py").write_text(TESTS)
    (tmp_path / "toy_settings.py").write_text("SECRET_KEY = 'toy'\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return Toy("toy", "toy", "toy_settings", ("test_*.py",), place=tmp_path)


@pytest.mark.same_everywhere
@pytest.mark.parametrize("whole", [False, True])
def test_what_ends_well_only_without_us_is_found(toy, whole):
    found = differences(toy, jobs="1", whole=whole)
    assert set(found) == DIFFERING
    assert "assert not True" in found["test_toy.py::test_that_we_break"].text
    assert found["test_toy.py::test_that_we_lose"].outcome == "not there"


@pytest.mark.same_everywhere
def test_a_suite_that_does_not_run_to_its_end_is_no_success(toy):
    (toy.place / "toy_settings.py").unlink()
    with pytest.raises(SystemExit, match="toy did not run to its end"):
        differences(toy, jobs="1", whole=False)


@pytest.mark.same_everywhere
def test_a_file_that_only_we_keep_from_being_collected_is_found(toy):
    (toy.place / "test_import.py").write_text("import os\nassert os.environ['NEIGHBOURS_WITH_US'] == '0'\ndef test_more(): pass\n")
    assert set(differences(toy, jobs="1", whole=False)) == {*DIFFERING, "test_import.py::test_more"}


def test_an_unlisted_difference_is_told_with_what_it_said():
    found = {"test.py::test_one": Outcome("test.py::test_one", "failed", "assert 1 == 2")}
    complaints = compare.complaints("toy", found, {})
    assert complaints == ["toy: test.py::test_one passes without this package, and is failed with it.\nassert 1 == 2"]


def test_a_listed_test_that_no_longer_differs_is_told():
    complaints = compare.complaints("toy", {}, {"test.py::test_one": "It is meant to."})
    assert complaints == ["toy: test.py::test_one is listed in differences.toml, and no longer differs."]


def test_a_listed_difference_is_fine_if_it_has_a_reason():
    found = {"test.py::test_one": Outcome("test.py::test_one", "failed")}
    assert compare.complaints("toy", found, {"test.py::test_one": "It is meant to."}) == []
    assert compare.complaints("toy", found, {"test.py::test_one": " "}) == ["toy: test.py::test_one is listed without a reason."]


def test_the_list_names_suites_that_there_are():
    assert set(compare.listed()) <= set(SUITES)


@pytest.mark.parametrize("distribution", sorted({suite.distribution for suite in SUITES.values()}))
def test_the_sources_are_those_of_the_newest_cell_and_have_hashes(distribution):
    newest = max((sources.PINS.parent).glob("py*.txt")).read_text()
    pinned = sources.pin(distribution)
    assert pinned in newest
    assert "--hash=sha256:" in pinned
    assert sources.unpacked(distribution).name == pinned.split()[0].replace("-", "_").replace("==", "-")


def test_a_distribution_that_is_not_pinned_is_not_fetched():
    with pytest.raises(SystemExit, match="pins no requests-of-nobody"):
        sources.pin("requests-of-nobody")
