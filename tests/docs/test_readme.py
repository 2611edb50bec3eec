"""The README says what is."""

from __future__ import annotations

import html
import re
import tomllib

from allauth_2fa import app_settings
from tests.docs.pages import DOCS, ROOT, rows, text_of

README = text_of("README.md")
MATRIX = tomllib.loads(text_of("pyproject.toml"))["tool"]["allauth-2fa"]["matrix"]


def test_it_fits_on_few_screens():
    assert len(README.splitlines()) < 150


def test_the_two_commands_stand_on_the_first_screen():
    first_screen = README.splitlines()[:15]
    assert [line.split("#")[0].strip() for line in first_screen if line.startswith("make ")] == ["make demo", "make test"]


def test_every_command_of_make_exists():
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE))
    pages = [README, *(page.read_text() for page in DOCS.glob("*.md"))]
    named = {name for page in pages for name in re.findall(r"(?:^|`)make ([a-z-]+)", page, re.MULTILINE)}
    assert {"demo", "test"} <= named <= targets


def test_the_upgrade_takes_five_lines_and_begins_with_the_default_that_changes():
    upgrade = README[README.index("## Upgrading") : README.index("## Compatibility")]
    steps = re.findall(r"^(\d)\. (.*)$", upgrade, re.MULTILINE)
    assert [number for number, _step in steps] == ["1", "2", "3", "4", "5"]
    assert "`ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS` is now `False`" in steps[0][1]
    assert app_settings.SETTINGS["ALWAYS_REVEAL_BACKUP_TOKENS"].default() is False


def test_the_compatibility_table_is_the_matrix():
    expected = []
    for cell, row in MATRIX.items():
        pins = dict(re.findall(r"^([\w-]+)==(\S+)", text_of(f"requirements/{cell}.txt"), re.MULTILINE))
        expected.append([cell, row["python"], pins["django"], pins["django-allauth"], pins["django-otp"]])
    assert rows(README, "| Cell |") == expected


def test_the_databases_are_those_of_the_ci():
    runs = re.findall(r"^step (\w+) make test", text_of(".ci/run"), re.MULTILINE)
    assert runs == ["sqlite", "postgres", "mysql"]
    assert "SQLite, PostgreSQL and MariaDB" in README


def test_the_picture_is_drawn_from_its_source_and_loads_nothing():
    picture = text_of("docs/_static/ways-in.svg")
    labels = [label.replace("\\n", "\n").splitlines() for label in re.findall(r'label="([^"]*)"', text_of("docs/pictures/ways-in.dot"))]
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    assert sorted(html.unescape(text).strip() for text in drawn) == sorted(line.strip() for lines in labels for line in lines)
    assert "href" not in picture
    assert "docs/_static/ways-in.svg" in "\n".join(README.splitlines()[:10])


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
