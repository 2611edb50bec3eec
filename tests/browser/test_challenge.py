"""The challenge: what can be done at it, and what can happen to it, in a real browser."""

import re
import time

import pytest
from playwright.sync_api import expect

from .visitor import new_tab


def test_a_wrong_code_keeps_the_login_and_says_what_to_do(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.answer(bea.app.wrong_code())
    visitor.sees("That code is not right.")
    visitor.sees(f"You are signing in as {bea.name}.")
    code = visitor.field("Code")
    expect(code).to_be_focused()
    expect(code).to_have_attribute("aria-invalid", "true")
    expect(code).to_have_accessible_description("That code is not right. Codes change every 30 seconds. Enter the current one.")
    # The app has one wrong code to its name now, and refuses for a second; a recovery code is not held up by that.
    # The refused code is marked, so that the next one takes its place.
    visitor.page.keyboard.type(bea.recovery_codes[0])
    visitor.page.keyboard.press("Enter")
    visitor.is_logged_in(bea)


def test_the_keyboard_is_enough(visitor, bea):
    keyboard = visitor.page.keyboard
    visitor.open("/accounts/login/")
    keyboard.press("Tab")
    expect(visitor.link("Skip to content")).to_be_focused()
    keyboard.press("Enter")
    for target in (visitor.link("sign up"), visitor.field("Login")):
        keyboard.press("Tab")
        expect(target).to_be_focused()
    keyboard.type(bea.name)
    keyboard.press("Tab")
    keyboard.type(bea.password)
    keyboard.press("Enter")
    visitor.is_at("Enter your code")
    code = visitor.field("Code")
    expect(code).to_be_focused()
    seen = []
    box = visitor.field("Trust this browser for 30 days")
    for target in (box, visitor.button("Sign in"), visitor.page.locator("summary"), visitor.button("Cancel")):
        keyboard.press("Tab")
        expect(target).to_be_focused()
        seen.append(target.evaluate("element => getComputedStyle(element).outlineStyle"))
    assert seen == ["solid"] * 4
    keyboard.press("Shift+Tab")
    keyboard.press("Enter")
    visitor.sees("One of the codes that you saved")
    for _target in ("Sign in", "Trust this browser", "Code"):
        keyboard.press("Shift+Tab")
    expect(code).to_be_focused()
    keyboard.type(bea.app.next_code())
    keyboard.press("Enter")
    visitor.is_logged_in(bea)


def test_digits_stand_in_groups_of_three_while_they_are_typed_and_mended(visitor, bea):
    visitor.come_to_the_challenge(bea)
    code, keyboard = visitor.field("Code"), visitor.page.keyboard
    keyboard.type("123456")
    expect(code).to_have_value("123 456")
    for _ in range(4):
        keyboard.press("ArrowLeft")
    keyboard.press("Backspace")
    expect(code).to_have_value("124 56")
    keyboard.type("9")
    expect(code).to_have_value("129 456")


def test_a_code_is_pasted_with_whatever_blanks_it_was_copied_with(visit, bea):
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    visitor.come_to_the_challenge(bea)
    code = bea.app.next_code()
    visitor.page.evaluate("text => navigator.clipboard.writeText(text)", f" {code[:3]} {code[3:]}\n")
    visitor.page.keyboard.press("Control+V")
    visitor.page.keyboard.press("Enter")
    visitor.is_logged_in(bea)


def test_phones_offer_digits_first_and_letters_for_a_recovery_code(visitor, bea):
    visitor.come_to_the_challenge(bea)
    expect(visitor.field("Code")).to_have_attribute("inputmode", "numeric")
    visitor.use("Recovery code")
    expect(visitor.field("Recovery code")).to_have_attribute("inputmode", "text")
    expect(visitor.field("Recovery code")).to_be_focused()


def test_without_scripts_phones_offer_letters_with_which_everything_can_be_typed(visit, bea):
    visitor = visit(java_script_enabled=False)
    visitor.come_to_the_challenge(bea)
    expect(visitor.field("Code")).to_have_attribute("inputmode", "text")


def test_of_two_apps_the_chosen_one_is_asked(visitor, people):
    person = people.make("Work phone", "Tablet")
    _phone, tablet = person.apps
    visitor.come_to_the_challenge(person)
    asked = visitor.page.get_by_text("Enter the 6-digit code from")
    expect(asked).to_contain_text("Work phone")
    visitor.answer(tablet.next_code())
    visitor.sees("That code is not right.")
    expect(asked).to_contain_text("Work phone")
    visitor.use("Tablet")
    expect(asked).to_contain_text("Tablet")
    visitor.answer(tablet.next_code())
    visitor.is_logged_in(person)


def test_without_scripts_each_way_is_a_form_too(visit, people):
    person = people.make("Work phone", "Tablet", recovery_codes=("spare567",))
    visitor = visit(java_script_enabled=False)
    visitor.come_to_the_challenge(person)
    visitor.use("Tablet")
    visitor.sees("Tablet")
    visitor.use("Recovery code")
    visitor.is_at("Enter a recovery code")
    visitor.field("Recovery code").fill("spare567")
    visitor.button("Sign in").click()
    visitor.is_logged_in(person)


def test_a_lock_is_opened_by_the_keyboard_alone(visitor, people):
    person = people.make("Work phone", recovery_codes=("spare678",))
    people.lock(person)
    visitor.open("/accounts/login/")
    visitor.give_password(person)
    visitor.is_at("Too many wrong codes")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Codes from new browsers are blocked")
    visitor.look_around("challenge, locked")
    rows = visitor.page.get_by_role("button", name=re.compile("^(Recovery code|Three codes in a row)"))
    expect(rows).to_have_count(2)
    keyboard = visitor.page.keyboard
    for _tab in range(8):
        if rows.nth(1).evaluate("row => row === document.activeElement"):
            break
        keyboard.press("Tab")
    expect(rows.nth(1)).to_be_focused()
    keyboard.press("Enter")
    visitor.is_at("Enter three codes in a row")
    expect(visitor.field("Three codes in a row")).to_be_focused()
    visitor.look_around("challenge, three codes")
    visitor.use("Recovery code")
    visitor.is_at("Enter a recovery code")
    visitor.look_around("challenge, recovery code")
    keyboard.type(person.recovery_codes[0])
    keyboard.press("Enter")
    visitor.sees("You used your last recovery code.")


def test_a_message_that_is_pasted_whole_leaves_its_code_in_the_field(visit, bea):
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    visitor.come_to_the_challenge(bea)
    visitor.page.evaluate("text => navigator.clipboard.writeText(text)", "Your code is 361423. Keep it to yourself.")
    # The page's script is there.
    expect(visitor.field("Code")).to_have_attribute("inputmode", "numeric")
    visitor.page.keyboard.press("Control+V")
    expect(visitor.field("Code")).to_have_value("361 423")


def test_a_complete_code_is_sent_on_its_own_where_there_is_nothing_left_to_tick(visitor, bea):
    visitor.come_to_the_challenge(bea)
    code = bea.app.next_code()
    visitor.field("Code").press_sequentially(code)
    # Below the code there is a box to tick.
    expect(visitor.field("Code")).to_have_accessible_description("")
    expect(visitor.field("Code")).to_have_value(f"{code[:3]} {code[3:]}")
    visitor.field("Code").clear()
    visitor.page.get_by_role("checkbox").evaluate("box => box.remove()")
    visitor.page.add_script_tag(type="module", url="/static/allauth_2fa/two-factor.js?again")
    expect(visitor.field("Code")).to_have_accessible_description("The code is sent as soon as it is complete.")
    visitor.field("Code").press_sequentially(code)
    visitor.is_logged_in(bea)


def test_a_wait_is_counted_down_and_said_when_it_is_over(visitor, bea):
    visitor.come_to_the_challenge(bea)
    # The app refuses for a second, then for two, for four.
    while not visitor.page.get_by_role("timer").is_visible():
        with visitor.page.expect_navigation():
            visitor.answer(bea.app.wrong_code())
    expect(visitor.page.get_by_role("timer")).to_contain_text(re.compile(r"Next try: \d:\d\d \(.+\)"))
    expect(visitor.page.get_by_role("timer")).to_contain_text("now")
    expect(visitor.page.get_by_text("You can try again now.")).to_have_attribute("role", "status")


def test_cancel_leads_back_to_the_login_page_with_nothing_left_open(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.button("Cancel").click()
    visitor.is_at("Sign In")
    visitor.open("/accounts/two-factor/authenticate/")
    visitor.is_at("Sign In")


# --- what cancels a pending login, and what does not ----------------------------------------

PARTS_OF_PAGES = {
    "icon": "new Promise(done => { const i = new Image(); i.onload = i.onerror = done; i.src = `/favicon.ico${part}` })",
    "image": "new Promise(done => { const i = new Image(); i.onload = i.onerror = done; i.src = `/outbox/${part}` })",
    "fetch": "fetch(`/${part}`).then(response => response.text())",
    "fetch-of-a-page-for-users": "fetch(`/accounts/email/${part}`).then(response => response.text())",
    "old-request": "new Promise(done => { const r = new XMLHttpRequest(); r.onload = done; r.open('GET', `/${part}`); r.send() })",
    "service-worker": "navigator.serviceWorker.register(`/outbox/${part}`).catch(() => undefined)",
    "prefetch": """new Promise(done => {
        const link = document.createElement("link"); link.rel = "prefetch"; link.href = `/${part}`;
        link.onload = link.onerror = done; document.head.append(link) })""",
    "frame": """new Promise(done => {
        const frame = document.createElement("iframe"); frame.src = `/${part}`; frame.onload = done; document.body.append(frame) })""",
}


def test_no_part_of_a_page_cancels_a_pending_login(visitor, bea, demo):
    visitor.come_to_the_challenge(bea)
    for name, script in PARTS_OF_PAGES.items():
        part = f"?{bea.name}-{name}"
        visitor.page.evaluate(f"part => {script}", part)
        assert demo.has_served(part), f"{name} has not come to the site"
        visitor.page.reload()
        assert visitor.page.url.endswith("/authenticate/"), f"{name} cancels the login"
    visitor.answer(bea.app.next_code())
    visitor.is_logged_in(bea)
    # The policy and the browser refuse some of these, and say so; here it is the requests that matter.
    visitor.complaints.clear()


def test_loading_another_page_cancels_it_in_whichever_tab(visitor, bea):
    visitor.come_to_the_challenge(bea)
    new_tab(visitor).goto("/")
    visitor.answer(bea.app.next_code())
    visitor.is_at("Sign In")
    visitor.open("/")
    visitor.is_at("Two-factor authentication, to try out")


def test_a_page_that_does_not_exist_cancels_nothing(visitor, bea):
    visitor.come_to_the_challenge(bea)
    new_tab(visitor).goto("/no/such/page/")
    visitor.complaints.clear()  # Chromium reports the 404
    visitor.answer(bea.app.next_code())
    visitor.is_logged_in(bea)


def test_loading_the_challenge_again_cancels_nothing(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.page.reload()
    visitor.answer(bea.app.next_code())
    visitor.is_logged_in(bea)


# --- impatience -----------------------------------------------------------------------------------


def click_twice_on_a_slow_line(visitor, button):
    """Click, and click again after the site has got the first request and before its answer is back."""
    line = visitor.context.new_cdp_session(visitor.page)
    line.send("Network.emulateNetworkConditions", {"offline": False, "latency": 1000, "downloadThroughput": -1, "uploadThroughput": -1})
    where = button.bounding_box()
    for _ in range(2):
        visitor.page.mouse.click(where["x"] + 8, where["y"] + 8)
        time.sleep(0.3)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_double_click_logs_in_once_and_ends_at_the_right_page(visit, bea, scripts):
    visitor = visit(java_script_enabled=scripts)
    visitor.come_to_the_challenge(bea)
    visitor.field("Code").fill(bea.app.next_code())
    visitor.button("Sign in").dblclick()
    visitor.is_logged_in(bea)


def test_on_a_slow_line_the_second_click_waits_for_the_first(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.field("Code").fill(bea.app.next_code())
    click_twice_on_a_slow_line(visitor, visitor.button("Sign in"))
    visitor.is_logged_in(bea)


def test_without_scripts_the_second_of_two_posts_on_a_slow_line_ends_at_the_login_page_and_not_at_an_error_page(visit, bea):
    visitor = visit(java_script_enabled=False)
    visitor.come_to_the_challenge(bea)
    visitor.field("Code").fill(bea.app.next_code())
    click_twice_on_a_slow_line(visitor, visitor.button("Sign in"))
    visitor.is_at("Sign In")
    visitor.give_password(bea)
    visitor.is_at("Enter your code")
    visitor.answer(bea.app.next_code())
    visitor.is_logged_in(bea)


def test_going_back_after_the_login_does_not_ask_again(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.page.wait_for_load_state()  # a page that is left before has no place in the history
    visitor.answer(bea.app.next_code())
    visitor.is_logged_in(bea)
    visitor.page.go_back()
    visitor.is_logged_in(bea)


def test_going_back_from_the_challenge_leads_to_a_login_page_that_works(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.page.wait_for_load_state()
    visitor.page.go_back()
    visitor.is_at("Sign In")
    visitor.give_password(bea)
    visitor.is_at("Enter your code")
    visitor.answer(bea.app.next_code())
    visitor.is_logged_in(bea)
