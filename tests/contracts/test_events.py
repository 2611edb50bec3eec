"""The table of events on the page is the one in the code, in both directions; so is the command."""

from __future__ import annotations

import re
from argparse import ArgumentParser

import pytest

from allauth_2fa.audit import events, notices
from allauth_2fa.management.commands import allauth_2fa_audit
from tests.docs.pages import ROOT, rows, text_of

PAGE = text_of("docs/audit-log.md")
TABLE = {row[0]: row for row in rows(PAGE, "| event |")}


def test_every_event_is_documented_and_every_documented_event_is_there():
    assert list(TABLE) == list(events.EVENTS)


@pytest.mark.parametrize("event", events.EVENTS.values(), ids=lambda event: event.name)
def test_an_event_says_is_mailed_and_holds_what_the_page_says(event):
    _name, says, mail, signal, facts = TABLE[event.name]
    assert says == str(event.label)
    assert signal == "two_factor_event"
    assert set(re.findall(r"\w+", facts)) == event.facts
    notice = notices.NOTICES.get(event.name)
    hours = notice.pause.total_seconds() / 3600 if notice and notice.pause else None
    assert mail == ("" if notice is None else f"once in {hours:.0f} hours" if hours else "yes")


def test_every_notice_is_about_an_event():
    assert notices.NOTICES.keys() <= events.EVENTS.keys()
    assert notices.TOLD in events.EVENTS
    assert all(name == row.event for name, row in notices.NOTICES.items())
    assert all(name == row.name for name, row in events.EVENTS.items())


def test_every_name_of_an_event_fits_into_its_column():
    assert max(map(len, events.EVENTS)) <= 64


def test_every_event_that_is_announced_in_the_code_is_in_the_table():
    source = (text_of(str(path)) for path in (ROOT / "src").rglob("*.py"))
    announced = {name for text in source for name in re.findall(r'announce\(\s*"(\w+)"', text)}
    assert announced
    assert announced <= events.EVENTS.keys()


def test_every_option_of_the_command_is_documented_and_every_documented_option_is_there():
    parser = ArgumentParser()
    allauth_2fa_audit.Command().add_arguments(parser)
    tasks = parser._subparsers._group_actions[0].choices
    there = {option for task in tasks.values() for action in task._actions for option in action.option_strings} - {"-h", "--help"}
    section = PAGE[PAGE.index("## allauth_2fa_audit") : PAGE.index("## Mails")]
    assert set(re.findall(r"--[a-z-]+", section)) == there
    assert set(re.findall(r"^`(\w+)` ", section, re.MULTILINE)) == set(tasks)
