"""Whoever looks for a check, a line of the log, a message or an error finds it on the page of symptoms."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import ROOT, rows, text_of

PAGE = text_of("docs/troubleshooting.md")
SOURCES = sorted((ROOT / "src" / "allauth_2fa").rglob("*.py"))
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def lines_of_the_log():
    """Return the first text in each call of a logger, before its values are filled in."""
    calls = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    for call in calls:
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in LEVELS and ast.unparse(function.value) == "logger":
            yield next(value.value for value in call.args if isinstance(value, ast.Constant))


def test_each_line_of_the_log_is_there_and_each_one_there_is_written():
    assert sorted({row[0] for row in rows(PAGE, "| line |")}) == sorted(set(lines_of_the_log()))


def test_each_check_is_there_once():
    there = re.findall(r"^### ([EW]\d{3}): ", text_of("docs/checks.md"), re.MULTILINE)
    assert [re.match(r"\[(\w+)\]", row[0])[1] for row in rows(PAGE, "| id | what you notice")] == there


def test_each_symptom_leads_to_a_section_and_each_section_has_a_symptom():
    named = [re.search(r"\(#(.+)\)", row[1])[1] for row in rows(PAGE, "| what you see |")]
    sections = [heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)]
    assert sorted(named) == sorted(sections)


def test_each_error_is_one_that_the_code_raises():
    source = "".join(path.read_text() for path in SOURCES)
    errors = [row[0] for row in rows(PAGE, "| the error says |")]
    assert [error for error in errors if error not in source and not error.startswith("no such table")] == []


def test_the_sentences_that_the_page_quotes_are_those_of_the_pages():
    folder = ROOT / "src" / "allauth_2fa"
    source = "".join(path.read_text() for path in [*SOURCES, *(folder / "templates").rglob("*.txt")])
    for quoted in ("That code was right %(n)d minutes ago", "We could not check your code", "Your sign-in expired or you left the page"):
        assert quoted in source
        assert quoted.replace("%(n)d", "2") in PAGE
