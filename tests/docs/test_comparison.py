"""The README's comparison says what is in the sources of each package: tests/docs/comparison.toml names the places."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import allauth
import pytest

import allauth_2fa
from tests.docs.pages import ROOT, rows, text_of
from tests.services import SERVICES

pytestmark = pytest.mark.same_everywhere

README = text_of("README.md")
HEADER = "| | this package |"
TABLE = {row[0]: row[1:] for row in rows(README, HEADER)}
FACTS = tomllib.loads(Path(__file__).with_name("comparison.toml").read_text())
COUNTED = {"System checks", "Languages"}
COLUMNS = ("ours", "mfa", "two_factor", "django_mfa", "old")
IDS = {"ours": r'"allauth_2fa\.[EW]\d{3}"', "two_factor": r'"two_factor\.[EW]\d{3}"', "django_mfa": r'"django_mfa\.[EW]\d{3}"'}
PINNED = dict(re.findall(r"^([\w-]+)==(\S+)", text_of("requirements/rivals.txt"), re.MULTILINE))


def folder_of(column):
    """Return the folder in which the package of that column lies; the rivals have one each, as two of them share a name with us."""
    if column in {"ours", "mfa"}:
        return Path((allauth_2fa if column == "ours" else allauth).__file__).parents[1]
    return Path(SERVICES["rivals"].find()) / column


def columns(*names):
    """Return the columns as parameters; the rivals' need their sources, which `make rivals` downloads."""
    return [pytest.param(name, marks=[] if name in {"ours", "mfa"} else pytest.mark.needs("rivals")) for name in names]


def sources(column, glob):
    """Return the text of each file, without the tests that a package brings."""
    found = [path for path in folder_of(column).glob(glob) if "/tests/" not in str(path)]
    assert found, glob
    return [path.read_text() for path in found]


def is_so(column, glob, pattern):
    wanted = pattern.removeprefix("!")
    is_there = any(re.search(wanted, text, re.MULTILINE) for text in sources(column, glob))
    return is_there is not pattern.startswith("!")


def test_each_cell_has_its_evidence():
    assert list(FACTS) == [row for row in TABLE if row not in COUNTED]
    assert all(set(facts) == set(COLUMNS) and all(facts.values()) for facts in FACTS.values())
    assert {len(cells) for cells in TABLE.values()} == {len(COLUMNS)}


@pytest.mark.parametrize("column", columns(*COLUMNS))
def test_the_sources_say_what_the_table_says(column):
    wrong = [(row, *fact) for row, facts in FACTS.items() for fact in facts[column] if not is_so(column, *fact)]
    assert wrong == []


@pytest.mark.parametrize("column", columns("ours", "two_factor", "django_mfa"))
def test_the_checks_are_counted(column):
    package = {"ours": "allauth_2fa"}.get(column, column)
    ids = {name for text in sources(column, f"{package}/**/*.py") for name in re.findall(IDS[column], text)}
    assert TABLE["System checks"][COLUMNS.index(column)] == str(len(ids))


def test_the_checks_of_allauth_have_no_ids_and_are_counted():
    (text,) = sources("mfa", "allauth/mfa/checks.py")
    assert TABLE["System checks"][1] == str(text.count("msg="))


@pytest.mark.needs("rivals")
def test_the_old_version_has_no_checks_and_no_languages():
    assert TABLE["System checks"][4] == "0"
    assert is_so("old", "allauth_2fa/**/*.py", "!checks")
    assert not list(folder_of("old").glob("**/*.po"))


# Where the catalogs are, and how many languages have none: django-mfa has no catalog of its own English.
CATALOGS = {"mfa": ("allauth/locale", 0), "two_factor": ("two_factor/locale", 0), "django_mfa": ("django_mfa/locale", 1)}


@pytest.mark.parametrize("column", columns(*CATALOGS))
def test_the_languages_are_counted(column):
    folder, others = CATALOGS[column]
    found = list(folder_of(column).glob(f"{folder}/*/LC_MESSAGES/django.mo"))
    assert TABLE["Languages"][COLUMNS.index(column)] == str(len(found) + others)


def test_the_versions_are_those_that_were_read():
    header = next(line for line in README.splitlines() if line.startswith(HEADER))
    for name, version in PINNED.items():
        assert f"{name} {version}" in header
    (installed,) = re.findall(r"^django-allauth==(\S+)", text_of("requirements/py313-django61.txt"), re.MULTILINE)
    assert f"`allauth.mfa` {installed}" in header


def test_the_bench_measures_the_same_versions():
    contenders = (ROOT / "bench" / "contenders.py").read_text()
    for name in ("django-allauth-2fa", "django-two-factor-auth"):
        assert f"{name}=={PINNED[name]}" in contenders


# The prefix that a package gives its settings, where its source names them without it.
PREFIXES = {"allauth.mfa": ("mfa", "allauth/mfa/**/*.py", "MFA_"), "django-mfa": ("django_mfa", "django_mfa/conf.py", "")}
PREFIXES["django-two-factor-auth"] = ("two_factor", "two_factor/**/*.py", "")
NAMES = rows(text_of("docs/settings.md"), "| there | of | here |")


@pytest.mark.parametrize("package", [pytest.param(name, marks=columns(PREFIXES[name][0])[0].marks) for name in PREFIXES])
def test_the_settings_of_other_packages_are_named_as_they_are(package):
    column, glob, prefix = PREFIXES[package]
    names = {name.removeprefix(prefix) for row in NAMES if row[1] == package for name in re.findall(r"[A-Z][A-Z_0-9]+", row[0])}
    source = "".join(sources(column, glob))
    assert names
    assert {name for name in names if not re.search(rf"\b{name}\b", source)} == set()
