"""The names on the pages are those of the code. Settings, checks, URLs and templates: tests/contracts/test_documents.py."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex

import pytest
from django.core.management import load_command_class

from allauth_2fa import exceptions
from allauth_2fa.cookies import PENDING_COOKIE
from allauth_2fa.middleware import BaseRequire2FAMiddleware
from allauth_2fa.state.pending import PENDING_SESSION_KEY
from tests.docs.pages import DOCS, ROOT, rows, text_of

SOURCE = ROOT / "src" / "allauth_2fa"
TEMPLATES = SOURCE / "templates"
OBJECTS = re.compile(r"\{py:(?P<kind>\w+)\} (?P<name>[\w.]+)(?:\((?P<arguments>[^)]*)\))?")


def documented():
    """Return the Python names of all pages, with their arguments; members follow their class."""
    found, owner = {}, ""
    for page in DOCS.glob("*.md"):
        for match in OBJECTS.finditer(page.read_text()):
            name = match["name"] if "." in match["name"] else f"{owner}.{match['name']}"
            owner = match["name"] if match["kind"] == "class" else owner
            found[name] = match["arguments"]
    return found


def resolve(name):
    """Return the object of that dotted name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


@pytest.mark.parametrize("name", sorted(documented()))
def test_each_python_name_is_there_with_these_arguments(name):
    found, arguments = resolve(name), documented()[name]
    if arguments is not None:
        named = [part.strip().lstrip("*").split("=")[0] for part in arguments.split(",") if part.strip(" *")]
        has = [parameter for parameter in inspect.signature(found).parameters if parameter != "self"]
        assert named == has


@pytest.mark.parametrize("row", rows(text_of("docs/templates.md"), "| template | page |"), ids=lambda row: row[0])
def test_each_template_extends_what_the_page_says(row):
    parent = row[2].split("`")[0]
    begins = (TEMPLATES / row[0]).read_text().partition("%}")[0]
    assert begins.startswith("{% extends ")
    assert parent in re.findall(r"[\w/]+\.html", begins)


def test_each_code_of_an_error_is_on_the_page():
    refusals = [found for _name, found in inspect.getmembers(exceptions, inspect.isclass) if issubclass(found, exceptions.Refused)]
    said = text_of("docs/extending.md")
    said = said[said.index("Errors have a code:") : said.index("## Helpers")]
    assert set(re.findall(r"`(\w+)`", said)) == {refusal.code for refusal in refusals}


def test_each_session_key_and_cookie_is_named_as_it_is():
    assert f"`{PENDING_SESSION_KEY}`" in text_of("docs/extending.md")
    assert f"`{PENDING_COOKIE}`" in text_of("docs/guard.md")
    assert str(BaseRequire2FAMiddleware.allowed_pages).replace("'", '"') in text_of("docs/requirement.md")


def commands():
    """Return each command of ours that a page shows, in a block or in a sentence."""
    shown = (line for page in DOCS.glob("*.md") for line in re.findall(r"manage\.py (allauth_2fa_[^`\n|>]+)", page.read_text()))
    return sorted({line.partition("  #")[0].strip() for line in shown})


@pytest.mark.parametrize("command", commands())
def test_each_command_is_there_and_takes_these_arguments(command):
    name, *arguments = shlex.split(command)
    parser = load_command_class("allauth_2fa", name).create_parser("manage.py", name)
    # Some sentences name a command without what it needs.
    if arguments:
        parser.parse_args(arguments)


def test_each_relative_link_leads_to_a_page():
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert target.startswith("http") or (DOCS / target).exists(), (page.name, target)
