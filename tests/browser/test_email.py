"""Codes by e-mail, as people see them: where the code went, and how long it takes until there can be another one."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from .server import Demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .visitor import Visitor

ADD = "/accounts/two-factor/factors/add/email/"


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Demo]:
    """The demo site with codes by e-mail."""
    with closing(Demo(tmp_path_factory.mktemp("demo"), "settings_email")) as demo:
        yield demo


def newest_code(demo: Demo) -> str:
    """Return the code of the mail that was sent last."""
    newest = max((demo.database.parent / "outbox").glob("*.eml"), key=lambda path: path.name)
    return re.search(r"^ {4}(\d{3} \d{3})$", newest.read_text(), re.MULTILINE)[1]


def add_mail(visitor: Visitor, demo: Demo, person) -> None:
    visitor.log_in(person)
    visitor.open("/accounts/two-factor/factors/")
    visitor.look_around("overview, e-mail can be added")
    visitor.page.get_by_role("link", name="E-mail").click()
    visitor.is_at("Get codes by e-mail")
    visitor.look_around("add, e-mail")
    expect(visitor.field("E-mail address")).to_have_value(f"{person.name}@example.com")
    visitor.button("Send a code").click()
    visitor.sees("We sent a code to")
    visitor.look_around("add, e-mail, code sent")
    visitor.field("Code").fill(newest_code(demo))
    visitor.button("Add").click()
    visitor.is_at("Recovery codes")


def test_the_mail_with_the_code_in_html(visitor, demo, alice):
    visitor.log_in(alice)
    visitor.open(ADD)
    visitor.button("Send a code").click()
    visitor.sees("We sent a code to")
    visitor.read_mail(demo.newest_mail())
    visitor.is_at("Your code to add this address")
    visitor.look_around("code")


def test_an_address_is_added_and_answers_the_next_login(visitor, demo, alice):
    add_mail(visitor, demo, alice)
    visitor.open("/accounts/two-factor/factors/")
    visitor.sees("v•••@example.com")
    visitor.look_around("overview, e-mail")
    visitor.open(ADD)
    visitor.sees("Your account has no other confirmed e-mail address.")
    visitor.look_around("add, e-mail, none left")
    visitor.open("/")
    visitor.log_out()
    visitor.come_to_the_challenge(alice)
    visitor.sees("Enter the code we sent to")
    visitor.look_around("challenge, e-mail")
    visitor.answer(newest_code(demo))
    visitor.is_logged_in(alice)


def test_the_seconds_until_another_code_are_counted_down(visitor, demo, alice):
    add_mail(visitor, demo, alice)
    visitor.open("/")
    visitor.log_out()
    visitor.come_to_the_challenge(alice)
    # With scripts, the time is the visitor's, in the way in which times are written in the language of the page.
    expect(visitor.page.get_by_text(re.compile(r"Next code: .+ \(\d\d?:\d\d(:\d\d)?\s[AP]M \S+\)"))).to_be_visible()
    left = visitor.page.locator("[data-two-factor='countdown']")
    expect(left).to_have_text(re.compile(r"^(0:[0-5]\d|1:00)$"))
    before = left.inner_text()
    expect(left).not_to_have_text(before)
    assert left.inner_text() < before
    # The wait is over: the page says so, and the clock time stays as it was.
    visitor.page.evaluate("() => { const now = performance.now.bind(performance); performance.now = () => now() + 60000; }")
    expect(left).to_have_text("now")
    visitor.button("Send another code").click()
    expect(visitor.button("Send another code")).to_be_disabled()
    expect(left).to_have_text(re.compile(r"^(0:[0-5]\d|1:00)$"))
    visitor.look_around("challenge, e-mail, too soon")


@pytest.mark.parametrize("scripts", [True, False])
def test_without_scripts_the_clock_time_is_enough(visit, demo, people, scripts):
    person = people.make()
    visitor = visit()
    add_mail(visitor, demo, person)
    other = visit(java_script_enabled=scripts)
    other.come_to_the_challenge(person)
    shown = r"\d\d?:\d\d(:\d\d)?\s[AP]M \S+" if scripts else r"\d\d:\d\d:\d\d \w+"
    expect(other.page.get_by_text(re.compile(rf"Next code: .+ \({shown}\)"))).to_be_visible()
    other.answer(newest_code(demo))
    other.is_logged_in(person)
