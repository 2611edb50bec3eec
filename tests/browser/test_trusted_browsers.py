"""Trusted browsers, as people see them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect


def tick(visitor):
    visitor.field("Trust this browser for 30 days").check()


def has_been_trusted(visitor, person):
    visitor.come_to_the_challenge(person)
    tick(visitor)
    visitor.answer(person.app.next_code())
    visitor.is_logged_in(person)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_browser_is_trusted_needs_no_code_is_listed_and_revoked(visit, bea, scripts):
    visitor = visit(java_script_enabled=scripts)
    visitor.come_to_the_challenge(bea)
    tick(visitor)
    if scripts:
        visitor.look_around("challenge, box to trust")
        visitor.answer(bea.app.wrong_code())
        visitor.sees("That code is not right.")
        expect(visitor.field("Trust this browser for 30 days")).to_be_checked()
        visitor.look_around("challenge, box to trust, wrong code")
        # The app judges nothing for a second after a wrong code.
        visitor.page.wait_for_timeout(1500)
    visitor.answer(bea.app.next_code())
    visitor.is_logged_in(bea)
    visitor.log_out()
    visitor.open("/accounts/login/")
    visitor.give_password(bea)
    visitor.is_logged_in(bea)
    visitor.open("/accounts/two-factor/factors/")
    visitor.sees("Trusted browsers")
    visitor.sees("This browser")
    if scripts:
        visitor.look_around("overview, trusted browser")
    visitor.open("/accounts/two-factor/factors/browsers/")
    visitor.is_at("Trusted browsers")
    visitor.page.get_by_role("button", name="Stop trusting").click()
    visitor.sees("That browser is no longer trusted. It will ask for your second factor again.")
    visitor.log_out()
    visitor.come_to_the_challenge(bea)


def test_several_browsers_are_revoked_at_once(visit, bea):
    for _ in range(2):
        visitor = visit()
        has_been_trusted(visitor, bea)
    visitor.open("/accounts/two-factor/factors/browsers/")
    visitor.look_around("trusted browsers")
    visitor.button("Stop trusting all browsers").click()
    visitor.sees("2 browsers are no longer trusted. They will ask for your second factor again.")
    visitor.look_around("trusted browsers, none")
