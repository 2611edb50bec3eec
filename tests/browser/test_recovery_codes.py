"""The recovery codes that are shown once: every way to keep them keeps all of them."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect


@pytest.fixture
def visitor(visit):
    return visit(permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture
def codes(visitor, bea):
    """The codes on the page that has just made them."""
    visitor.log_in(bea)
    visitor.open("/accounts/two-factor/backup-tokens/")
    visitor.button("Create new recovery codes").click()
    visitor.sees("Save these codes now; we show them only once.")
    return visitor.page.locator(".two-factor-codes code").all_inner_texts()


def test_copying_them_puts_one_code_a_line_on_the_clipboard_and_says_so(visitor, codes):
    visitor.button("Copy").click()
    expect(visitor.page.get_by_role("status")).to_have_text("Copied.")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == "\n".join(codes)


def test_the_download_is_a_file_with_the_site_the_day_and_the_codes(visitor, codes):
    with visitor.page.expect_download() as download:
        visitor.link("Download").click()
    assert download.value.suggested_filename == "two-factor-demo-recovery-codes.txt"
    title, blank, *rest = Path(download.value.path()).read_text().splitlines()
    assert re.fullmatch(r"Recovery codes for Two-factor demo, created on \S.*\d{4}", title)
    assert (blank, rest) == ("", codes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_there_are_the_site_the_day_and_the_codes_dark_on_white_and_nothing_else(visitor, codes, scheme):
    page = visitor.page
    page.emulate_media(media="print", color_scheme=scheme)
    title, *rest = page.locator("body").inner_text().split("\n")
    assert re.fullmatch(r"Recovery codes for Two-factor demo, created on \S.*\d{4}", title)
    assert [line for line in rest if line.strip()] == codes
    colours = "element => [getComputedStyle(element).color, getComputedStyle(element).backgroundColor]"
    assert page.locator(".two-factor-codes code").first.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert page.locator("body").evaluate(colours)[1] == "rgb(255, 255, 255)"
    assert page.pdf().count(b"/Type /Page\n") == 1


def test_the_print_button_opens_the_printing_dialogue(visitor, codes):
    visitor.page.evaluate("window.print = () => { document.title = 'printing' }")
    visitor.button("Print").click()
    expect(visitor.page).to_have_title("printing")


def test_nobody_goes_on_before_they_say_that_the_codes_are_saved(visitor, codes, bea):
    visitor.button("Continue").click()
    visitor.is_at("Recovery codes")
    assert visitor.page.locator(":invalid#two-factor-saved").count() == 1
    visitor.field("I have saved these codes").check()
    visitor.button("Continue").click()
    visitor.is_logged_in(bea)


def leave(visitor):
    """Follow a link away from the page, answer "stay" if the browser asks, and return what it has asked."""
    asked = []

    def stay(dialog):
        asked.append(dialog.type)
        dialog.dismiss()

    visitor.page.once("dialog", stay)
    visitor.page.evaluate("setTimeout(() => location.assign('/'))")
    if not asked:
        visitor.page.wait_for_timeout(500)
    return asked


def test_the_browser_asks_before_codes_are_left_that_are_not_saved(visitor, codes, bea):
    # Browsers ask only those who have used the page.
    visitor.page.get_by_role("heading", level=1).click()
    assert leave(visitor) == ["beforeunload"]
    visitor.is_at("Recovery codes")
    visitor.field("I have saved these codes").check()
    assert leave(visitor) == []
    visitor.is_logged_in(bea)


@pytest.mark.parametrize(("width", "columns"), [(1280, 2), (320, 1)])
def test_the_codes_stand_in_two_columns_where_there_is_room_and_each_on_one_line(visitor, codes, width, columns):
    visitor.page.set_viewport_size({"width": width, "height": 900})
    boxes = [code.bounding_box() for code in visitor.page.locator(".two-factor-codes code").all()]
    assert len({box["x"] for box in boxes}) == columns
    # Read down one column, then the next.
    assert [box["y"] for box in boxes[:5]] == sorted(box["y"] for box in boxes[:5])
    assert len({round(box["height"]) for box in boxes}) == 1


def test_a_user_who_looks_at_new_codes_is_offered_nothing_that_would_invalidate_them(visitor, codes):
    expect(visitor.button("Create new recovery codes")).to_have_count(0)
    expect(visitor.link("Turn off two-factor authentication")).to_have_count(0)


def test_they_are_not_on_the_page_when_it_is_loaded_again(visitor, codes):
    visitor.open("/accounts/two-factor/backup-tokens/")
    visitor.sees("You have 10 unused recovery codes. We showed them when you created them and can't show them again.")
    assert not set(codes) & set(visitor.page.content().split())


def test_a_code_is_taken_as_it_was_copied_and_as_people_type_it_and_once(visitor, codes, bea):
    visitor.log_out()
    visitor.come_to_the_challenge(bea)
    visitor.answer(f"  {codes[0].upper()} ")
    visitor.is_logged_in(bea)
    visitor.log_out()
    visitor.come_to_the_challenge(bea)
    visitor.answer(codes[0])
    visitor.sees("That recovery code was already used.")
    visitor.answer(codes[1].replace("-", " "))
    visitor.is_logged_in(bea)
    visitor.sees("You have 8 left.")
