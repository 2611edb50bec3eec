"""What the documentation lists is what there is, in both directions."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

import allauth_2fa
from allauth_2fa import app_settings, compat, urls
from tests.cast import code_of, drop, give_password

PACKAGE = Path(allauth_2fa.__file__).parent
DOCS = Path(__file__).parents[2] / "docs"
FOLDER = PACKAGE / "templates"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def first_columns(text: str, header: str) -> list[str]:
    """Return the first cells of the table under that header, without their marks of code."""
    lines = iter(text.splitlines())
    next(line for line in lines if line.startswith(header))
    next(lines)
    cells = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells.append(line.strip("|").split("|")[0].strip())
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


# Settings


def documented_settings() -> dict[str, str]:
    """Return the sections of the settings, by name."""
    parts = re.split(r"^## (ALLAUTH_2FA_\w+)$", page("settings"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_setting_is_documented_and_every_documented_setting_is_there():
    assert sorted(documented_settings()) == sorted(setting.full_name for setting in app_settings.SETTINGS.values())


def test_no_other_page_names_a_setting_that_there_is_not():
    known = {setting.full_name for setting in app_settings.SETTINGS.values()}
    named = {name for path in DOCS.glob("*.md") for name in re.findall(r"\bALLAUTH_2FA_[A-Z_]+[A-Z]\b", path.read_text())}
    assert named <= known


@pytest.mark.parametrize("setting", app_settings.SETTINGS.values(), ids=lambda setting: setting.name)
def test_the_type_the_least_value_and_the_default_of_a_setting_are_as_documented(setting):
    section = documented_settings()[setting.full_name]
    kind, least = re.search(r"^\* Type: `([\w ]+)`(?:, (\d+) or more)?", section, re.MULTILINE).groups()
    (default,) = re.search(r"^\* Default: `([^`]+)`", section, re.MULTILINE).groups()
    assert kind == setting.kind_name
    assert least == (None if setting.minimum is None else str(setting.minimum))
    if default != "ACCOUNT_TEMPLATE_EXTENSION":
        assert ast.literal_eval(default) == setting.default()


# Checks


def ids_in_the_code() -> list[str]:
    """Return the id of each message that the checks make."""
    trees = [ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))]
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    ids = (keyword.value for call in calls for keyword in call.keywords if keyword.arg == "id")
    named = (value.value for value in ids if isinstance(value, ast.Constant) and isinstance(value.value, str))
    return [name.removeprefix("allauth_2fa.") for name in named if name.startswith("allauth_2fa.")]


def test_every_check_is_documented_and_every_documented_check_is_there():
    assert sorted(re.findall(r"^### ([EW]\d{3}): ", page("checks"), re.MULTILINE)) == sorted(set(ids_in_the_code()))


def test_an_id_belongs_to_one_message_but_for_the_two_kinds_of_unread_names():
    assert {name for name, times in Counter(ids_in_the_code()).items() if times > 1} == set()


def test_no_page_names_a_check_that_there_is_not():
    named = {name for path in DOCS.glob("*.md") for name in re.findall(r"\b[EW]0\d\d\b", path.read_text())}
    assert named <= set(ids_in_the_code())


# URLs


def test_every_url_is_documented_and_every_documented_url_is_there():
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w/:<>-]*)` \| \[`(\w+)`\]", page("urls").replace("(nothing)", "``"), re.MULTILINE)
    there = [(pattern.name, str(pattern.pattern), pattern.callback.view_class.__name__) for pattern in urls.urlpatterns]
    assert sorted(rows) == sorted(there)


def test_every_url_says_what_it_takes():
    assert sorted(re.findall(r"^### ((?:two-factor-|mfa_)[\w-]+)$", page("urls"), re.MULTILINE)) == sorted(p.name for p in urls.urlpatterns)


# Templates


def test_every_template_is_documented_and_every_documented_template_is_there():
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    tables = ("| template | page |", "| template | part of |", "| template | when |", "| template | mail |")
    assert sorted(name for header in tables for name in first_columns(page("templates"), header)) == sorted(there)


def documented_context(template: str) -> set[str]:
    section = page("templates").split(f"\n### {template}\n")[1]
    return set(first_columns(section, "| name | holds |"))


# What Django's own views and allauth's put there, and is documented by them.
OF_OTHERS = {"view", "redirect_field_name", "redirect_field_value"}


@pytest.fixture
def contexts(client, alice, phone):
    """The contexts of the pages, by the names of their templates."""
    shown = {}

    def look(name: str) -> None:
        response = client.get(reverse(name))
        shown[response.templates[0].name.removeprefix("allauth_2fa/")] = response.context_data

    give_password(client, alice)
    look("two-factor-authenticate")
    client.post(reverse("two-factor-authenticate"), {"otp_token": code_of(phone)})
    look("two-factor-backup-tokens")
    look("two-factor-remove")
    look("two-factor-reauthenticate")
    look("two-factor-events")
    look("two-factor-browsers")
    drop(TOTPDevice.objects.all())
    look("two-factor-setup")
    return shown


@pytest.mark.django_db
def test_every_name_of_a_context_is_documented_and_every_documented_name_is_there(rf, contexts):
    assert len(contexts) == 7
    of_allauth = set(compat.entrance_context(rf.get("/")))
    for template, context in contexts.items():
        assert set(context) - OF_OTHERS - of_allauth == documented_context(template), template
