"""The overview, and everything that leads on from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from .people import App

if TYPE_CHECKING:
    from .visitor import Visitor


def to_the_overview(visitor: Visitor) -> None:
    visitor.page.get_by_role("link", name="Two-factor", exact=True).click()
    visitor.is_at("Two-factor authentication")


def row_of(visitor: Visitor, name: str):
    return visitor.page.locator(".two-factor-devices > li").filter(has_text=name)


def more(visitor: Visitor, name: str) -> None:
    """Unfold the further actions for a device."""
    row_of(visitor, name).get_by_text("More", exact=True).click()


def test_the_overview_of_somebody_without_a_device(visitor, alice):
    visitor.log_in(alice)
    to_the_overview(visitor)
    visitor.sees("Two-factor authentication is off.")
    visitor.look_around("overview, nothing there")
    visitor.page.get_by_role("link", name="Authenticator app").click()
    visitor.is_at("Add an authenticator app")
    visitor.look_around("add, app")


def test_a_second_device_is_added_named_preferred_and_removed(visitor, bea):
    visitor.log_in(bea)
    to_the_overview(visitor)
    visitor.look_around("overview, one device")
    visitor.page.get_by_role("link", name="Authenticator app").click()
    visitor.is_at("Add an authenticator app")
    app = App.set_up_with(visitor.page.locator("#two-factor-secret").inner_text())
    visitor.field("Name of this device").fill("Tablet")
    visitor.field("Code").fill(app.wrong_code())
    visitor.button("Add").click()
    visitor.sees("That code is not right.")
    visitor.look_around("add, wrong code")
    expect(visitor.field("Name of this device")).to_have_value("Tablet")
    visitor.field("Code").fill(app.next_code())
    visitor.button("Add").click()
    visitor.sees("Tablet is set up.")
    more(visitor, "Tablet")
    visitor.look_around("overview, more actions")
    visitor.button("Make Tablet default").click()
    visitor.sees("Default")
    visitor.look_around("overview, two devices")
    row_of(visitor, "Tablet").get_by_role("link", name="Rename").click()
    visitor.is_at("Rename this device")
    visitor.look_around("rename")
    visitor.field("Name of this device").fill("Tablet with a rather long name, such as people give to things")
    visitor.button("Save").click()
    visitor.is_at("Two-factor authentication")
    visitor.look_around("overview, a long name")
    more(visitor, "Work phone")
    row_of(visitor, "Work phone").get_by_role("link", name="Remove").click()
    visitor.is_at("Remove this device")
    visitor.look_around("remove one")
    visitor.button("Remove").click()
    visitor.sees("Work phone was removed.")


def test_the_only_device_is_replaced_in_one_step(visitor, bea):
    visitor.log_in(bea)
    to_the_overview(visitor)
    more(visitor, "Work phone")
    visitor.page.get_by_role("link", name=re.compile("^Replace")).click()
    visitor.sees("It replaces Work phone")
    app = App.set_up_with(visitor.page.locator("#two-factor-secret").inner_text())
    visitor.field("Code").fill(app.next_code())
    visitor.button("Add").click()
    visitor.sees("replaces your old device")
    expect(row_of(visitor, "Work phone")).to_have_count(0)


def test_everything_works_without_scripts(visit, bea):
    visitor = visit(java_script_enabled=False)
    visitor.log_in(bea)
    to_the_overview(visitor)
    visitor.page.get_by_role("link", name="Authenticator app").click()
    app = App.set_up_with(visitor.page.locator("#two-factor-secret").inner_text())
    visitor.field("Name of this device").fill("Tablet")
    visitor.field("Code").fill(app.next_code())
    visitor.button("Add").click()
    visitor.sees("Tablet is set up.")
    more(visitor, "Tablet")
    visitor.button("Make Tablet default").click()
    visitor.sees("Default")
