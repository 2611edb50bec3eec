"""The admin, from its own address on."""

import pytest
from playwright.sync_api import expect

from .people import App

DEVICES = "/admin/otp_totp/totpdevice/"


@pytest.fixture
def staff(people):
    return people.make("Work phone", is_staff=True)


def test_a_user_who_asks_for_an_admin_page_is_asked_for_password_and_code_and_comes_to_that_page(visitor, staff):
    visitor.open(DEVICES)
    visitor.give_password(staff)
    visitor.is_at("Enter your code")
    visitor.answer(staff.app.next_code())
    expect(visitor.page).to_have_url(f"{visitor.url}{DEVICES}")
    expect(visitor.page.get_by_role("heading", name="Select TOTP device to change")).to_be_visible()


def test_the_way_back_to_the_admin_survives_a_wrong_code_and_a_recovery_code(visitor, people):
    staff = people.make("Work phone", recovery_codes=("spare456",), is_staff=True)
    visitor.open(DEVICES)
    visitor.give_password(staff)
    visitor.is_at("Enter your code")
    visitor.answer(staff.app.wrong_code())
    visitor.sees("That code is not right.")
    visitor.answer(staff.recovery_codes[0])
    expect(visitor.page).to_have_url(f"{visitor.url}{DEVICES}")


def test_staff_without_a_factor_are_led_to_the_setup_and_get_in_after_it(visitor, people):
    trainee = people.make(is_staff=True)
    visitor.open("/admin/")
    visitor.give_password(trainee)
    visitor.is_at("Set up two-factor authentication")
    visitor.link("Set it up").click()
    # Several factors will do here, and the overview offers them.
    visitor.is_at("Two-factor authentication")
    visitor.page.get_by_role("link", name="Authenticator app").click()
    visitor.is_at("Add an authenticator app")
    app = App.set_up_with(visitor.page.locator("#two-factor-secret").inner_text())
    visitor.field("Code").fill(app.next_code())
    visitor.button("Add").click()
    visitor.field("I have saved these codes").check()
    visitor.open("/admin/")
    expect(visitor.page).to_have_url(f"{visitor.url}/admin/")


def test_others_are_told_that_the_admin_is_closed_to_them(visitor, bea):
    visitor.log_in(bea)
    visitor.open("/admin/")
    visitor.is_at("You can't open the admin with this account")
    visitor.button("Sign out").click()
    visitor.is_at("Two-factor authentication, to try out")
