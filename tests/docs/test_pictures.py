"""The pictures of the documentation are made by a command, small, and shown with a description."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.docs.pages import DOCS, ROOT

SPEC = importlib.util.spec_from_file_location("pictures", ROOT / "scripts/pictures.py")
pictures = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(pictures)

IMAGE = re.compile(r"^```\{image\} (\S+)\n:alt: (.+)\n", re.MULTILINE)
SHOWN = [found for page in sorted(DOCS.glob("*.md")) for found in IMAGE.findall(page.read_text())]


def test_each_picture_is_made_by_the_command_and_shown_on_a_page():
    made = {f"_static/pictures/{picture.name}.png" for picture in pictures.PICTURES}
    assert {f"_static/pictures/{path.name}" for path in pictures.TARGET.iterdir()} == made
    assert {address for address, _alt in SHOWN} == made


@pytest.mark.parametrize(("address", "alt"), SHOWN)
def test_a_picture_is_small_and_says_what_it_shows(address, alt):
    assert (DOCS / address).stat().st_size < 40_000
    assert len(alt) > 20


@pytest.mark.parametrize("picture", pictures.PICTURES, ids=lambda picture: picture.name)
def test_the_screenshot_of_a_picture_is_one_that_a_test_takes(picture):
    look = re.fullmatch(r"\w+/(.+), (?:light|dark) (?:1280|360|320)", picture.screenshot)[1]
    tests = "".join(path.read_text() for path in (ROOT / "tests/browser").glob("test_*.py"))
    assert f'look_around("{look}")' in tests or f'("{look}", ' in tests


def test_a_picture_is_cropped_to_what_it_is_about(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "TARGET", tmp_path)
    shot = pictures.Image.new("RGB", (1280, 900), "white")
    shot.paste("red", (320, 0, 960, 500))
    shot.save(tmp_path / "shot.png")
    with pictures.Image.open(pictures.make(tmp_path, pictures.Picture("made", "shot", 640, 500))) as made:
        assert made.size == (640, 500)
        assert made.convert("RGB").getcolors() == [(640 * 500, (255, 0, 0))]
