"""The pages for people who read them in another way: at twice the size, from right to left, or by ear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from .visitor import NARROW, WIDE

if TYPE_CHECKING:
    from .visitor import Visitor

FACTORS = "/accounts/two-factor/factors/"
OWN_PAGES = (FACTORS, f"{FACTORS}events/", "/accounts/two-factor/setup/", "/accounts/two-factor/backup-tokens/", "/accounts/email/")


def nothing_is_cut(visitor: Visitor) -> None:
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page.url
    # Words that do not fit into their button or label would be hidden or lie over others.
    cut = page.evaluate(
        """[...document.querySelectorAll("button, a, label, h1, h2, dd, summary")]
            .filter(element => element.checkVisibility() && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1)
            .map(element => element.outerHTML)"""
    )
    assert not cut, page.url


@pytest.mark.parametrize("size", [{"width": 640, "height": 450}, NARROW], ids=["640 pixels", "320 pixels"])
def test_words_of_twice_the_size_fit(visitor, bea, size):
    visitor.log_in(bea)
    visitor.page.set_viewport_size(size)
    for path in OWN_PAGES:
        visitor.open(path)
        visitor.page.evaluate("document.documentElement.style.fontSize = '200%'")
        nothing_is_cut(visitor)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280 pixels", "320 pixels"])
def test_pages_are_mirrored_where_people_write_from_right_to_left(visitor, bea, size):
    visitor.log_in(bea)
    visitor.page.set_viewport_size(size)
    for path in OWN_PAGES:
        visitor.open(path)
        visitor.page.evaluate("document.documentElement.dir = 'rtl'")
        nothing_is_cut(visitor)
    visitor.open(FACTORS)
    visitor.page.evaluate("document.documentElement.dir = 'rtl'")
    row = visitor.page.locator(".two-factor-device").first
    icon, about = row.locator(".two-factor-icon").bounding_box(), row.locator(".two-factor-about").bounding_box()
    assert icon["x"] > about["x"]


def test_the_first_key_leads_past_the_menu(visitor, alice):
    visitor.log_in(alice)
    visitor.open(FACTORS)
    visitor.page.keyboard.press("Tab")
    expect(visitor.link("Skip to content")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.locator("main a").first).to_be_focused()


def test_a_refused_code_is_heard_and_the_field_has_the_focus(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.answer(bea.app.wrong_code())
    visitor.sees("That code is not right.")
    field = visitor.field("Code")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("That code is not right. Codes change every 30 seconds. Enter the current one.")
    assert visitor.page.title().split()[:1] == ["Error:"]


def test_what_a_screen_reader_is_told_of_the_overview(visitor, bea):
    visitor.log_in(bea)
    visitor.open(FACTORS)
    expect(visitor.page.locator("body")).to_match_aria_snapshot("""
        - link "Skip to content"
        - banner:
          - link
          - navigation "Your account":
            - list:
              - listitem:
                - link "Two-factor"
        - main:
          - heading "Two-factor authentication" [level=1]
          - heading "Your devices" [level=2]
          - list:
            - listitem:
              - strong: Work phone
              - link "Rename Work phone"
    """)
    expect(visitor.page.get_by_role("navigation").get_by_role("link", name="Two-factor")).to_have_attribute("aria-current", "page")
