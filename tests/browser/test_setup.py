"""The setup page: what it offers to scan, to type and to copy, and what it keeps when something goes wrong."""

from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from .people import App
from .visitor import new_tab

PATH = "/accounts/two-factor/setup/"


def secret_on(page):
    """Read the secret as a person would type it."""
    return page.locator("#two-factor-secret").inner_text()


@pytest.fixture
def visitor(visit, alice):
    """Alice at the setup page, just logged in."""
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    visitor.log_in(alice)
    visitor.open(PATH)
    visitor.is_at("Set up two-factor authentication")
    return visitor


@pytest.fixture
def app(visitor):
    return App.set_up_with(secret_on(visitor.page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_the_qr_code_can_be_scanned_off_the_screen_and_says_what_the_link_says(visitor, alice, scheme, width):
    page = visitor.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    picture = page.get_by_role("img", name="QR code for your authenticator app")
    assert picture.bounding_box()["width"] >= 200
    (found,) = zxingcpp.read_barcodes(Image.open(BytesIO(picture.screenshot())))
    assert found.text == visitor.link("Open in your authenticator app").get_attribute("href")
    address = urlsplit(found.text)
    assert address.scheme == "otpauth"
    assert parse_qs(address.query)["secret"] == [secret_on(page).replace(" ", "")]
    assert alice.name in address.path


def test_the_secret_is_copied_without_its_blanks(visitor):
    visitor.button("Copy setup key").click()
    expect(visitor.page.get_by_role("status")).to_have_text("Copied.")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == secret_on(visitor.page).replace(" ", "")


def test_the_first_look_stays_at_the_top_where_the_qr_code_is(visitor):
    assert visitor.page.evaluate("[scrollY, document.activeElement.tagName]") == [0, "BODY"]


def test_a_wrong_code_keeps_the_secret_and_the_name_and_puts_the_cursor_where_the_code_goes(visitor, app):
    secret = secret_on(visitor.page)
    visitor.field("Name of this device").fill("My phone")
    visitor.field("Code").fill(app.wrong_code())
    visitor.button("Turn on").click()
    visitor.sees("That code is not right. Codes change every 30 seconds. Enter the current one.")
    assert secret_on(visitor.page) == secret
    expect(visitor.field("Name of this device")).to_have_value("My phone")
    code = visitor.field("Code")
    expect(code).to_be_focused()
    expect(code).to_have_attribute("aria-invalid", "true")
    expect(code).to_have_accessible_description("That code is not right. Codes change every 30 seconds. Enter the current one.")
    # The refused code is marked, so that the next one takes its place.
    visitor.page.keyboard.type(app.next_code())
    visitor.page.keyboard.press("Enter")
    visitor.is_at("Recovery codes")


def test_a_code_of_a_phone_whose_clock_is_slow_is_recognized(visitor, app):
    visitor.field("Code").fill(app.code_of(minutes_ago=10))
    visitor.button("Turn on").click()
    visitor.sees("The clock of your device is off by about 10 minutes")


def test_no_code_at_all_is_refused_by_the_browser_and_nothing_is_lost(visitor):
    secret = secret_on(visitor.page)
    visitor.button("Turn on").click()
    expect(visitor.field("Code")).to_be_focused()
    assert secret_on(visitor.page) == secret


def test_the_secret_stays_when_the_page_is_loaded_again_and_changes_on_wish_alone(visitor):
    secret = secret_on(visitor.page)
    visitor.page.reload()
    assert secret_on(visitor.page) == secret
    visitor.button("Show a new QR code").click()
    expect(visitor.page.locator("#two-factor-secret")).not_to_have_text(secret)


def test_two_tabs_show_one_secret_and_the_second_to_finish_is_led_on(visitor, app):
    other = new_tab(visitor)
    other.goto(PATH)
    assert secret_on(other) == secret_on(visitor.page)
    visitor.field("Code").fill(app.next_code())
    visitor.button("Turn on").click()
    visitor.sees("Save these codes now; we show them only once.")
    other.get_by_label("Code", exact=True).fill(app.next_code())
    other.get_by_role("button", name="Turn on").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    expect(other.get_by_text("You have 10 unused recovery codes.")).to_be_visible()


def test_a_tab_whose_qr_code_was_replaced_in_another_one_shows_the_one_that_counts(visitor, app):
    other = new_tab(visitor)
    other.goto(PATH)
    other.get_by_role("button", name="Show a new QR code").click()
    expect(other.locator("#two-factor-secret")).not_to_have_text(secret_on(visitor.page))
    newer = secret_on(other)
    visitor.field("Code").fill(app.next_code())
    visitor.button("Turn on").click()
    expect(visitor.field("Code")).to_have_attribute("aria-invalid", "true")
    assert secret_on(visitor.page) == newer
    visitor.field("Code").fill(App.set_up_with(newer).next_code())
    visitor.button("Turn on").click()
    visitor.is_at("Recovery codes")


def test_on_a_phone_the_link_to_the_app_comes_first_and_the_qr_code_is_folded(visit, alice):
    visitor = visit(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740})
    visitor.log_in(alice)
    visitor.open(PATH)
    picture = visitor.page.get_by_role("img", name="QR code for your authenticator app")
    link = visitor.link("Open in your authenticator app")
    expect(link).to_be_visible()
    expect(picture).to_be_hidden()
    visitor.page.get_by_text("Show the QR code").click()
    expect(picture).to_be_visible()
    assert link.bounding_box()["y"] < picture.bounding_box()["y"]


def test_a_browser_that_can_make_passkeys_is_offered_one(visitor):
    visitor.link("Add a passkey instead").click()
    visitor.is_at("Add a passkey")
