"""Passkeys in a real browser, with authenticators that its DevTools make: in the device, on a cable, copied, cancelled."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

ADD = "/accounts/two-factor/factors/add-passkey/"
OVERVIEW = "/accounts/two-factor/factors/"
CONFIRM = "Confirm it's you"

IN_THE_DEVICE = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
ON_A_CABLE = {"protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "hasUserVerification": False}
OLD_AND_ON_A_CABLE = {"protocol": "u2f", "transport": "usb", "hasResidentKey": False, "hasUserVerification": False}

NO_LIST = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"
"""What makes a browser one that offers no passkeys in the list at a field."""


class Authenticator:
    """One that the browser's DevTools make. A user who holds it touches it at once, until told to wait."""

    def __init__(self, devtools, kind):
        self.devtools = devtools
        options = {"isUserVerified": False, **kind, "automaticPresenceSimulation": True}
        self.id = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def tell(self, command, **facts):
        return self.devtools.send(f"WebAuthn.{command}", {"authenticatorId": self.id, **facts})

    @property
    def passkeys(self):
        return self.tell("getCredentials")["credentials"]

    def waits(self):
        self.tell("setAutomaticPresenceSimulation", enabled=False)

    def goes(self):
        self.tell("removeVirtualAuthenticator")


@pytest.fixture
def visitor(visit, demo):
    """Somebody who came by the name of the site: there are no passkeys for a bare address."""
    visitor = visit(base_url=demo.url.replace("127.0.0.1", "localhost"))
    visitor.devtools = visitor.context.new_cdp_session(visitor.page)
    visitor.devtools.send("WebAuthn.enable", {"enableUI": False})
    return visitor


@pytest.fixture
def authenticator(visitor):
    return Authenticator(visitor.devtools, IN_THE_DEVICE)


def add(visitor, name="Laptop", *, passwordless=False):
    visitor.open(ADD)
    visitor.field("Name of this device").fill(name)
    # It is ticked: the site lets passkeys sign in without a password.
    expect(visitor.field("Sign in with it without a password")).to_be_checked()
    visitor.field("Sign in with it without a password").set_checked(passwordless)
    visitor.button("Add a passkey").click()


def save_codes(visitor):
    visitor.is_at("Recovery codes")
    visitor.field("I have saved these codes").check()
    visitor.button("Continue").click()


def come_to_the_challenge(visitor, person):
    visitor.open("/accounts/login/")
    visitor.give_password(person)
    visitor.is_at(CONFIRM)


@pytest.fixture
def with_a_passkey(visitor, authenticator, alice):
    """Alice, logged out again, whose only factor is a passkey in her device."""
    visitor.log_in(alice)
    add(visitor)
    save_codes(visitor)
    visitor.log_out()
    return alice


def test_the_first_factor_is_a_passkey_and_the_next_login_asks_for_it(visitor, with_a_passkey):
    come_to_the_challenge(visitor, with_a_passkey)
    visitor.sees("Use your passkey Laptop.")
    expect(visitor.button("Use your passkey")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.is_logged_in(with_a_passkey)
    visitor.sees("You proved it with a passkey (Laptop).")


def test_the_overview_names_it(visitor, with_a_passkey):
    come_to_the_challenge(visitor, with_a_passkey)
    visitor.button("Use your passkey").click()
    visitor.is_logged_in(with_a_passkey)
    visitor.open(OVERVIEW)
    visitor.sees("Laptop")
    visitor.look_around("overview, a passkey")


@pytest.mark.parametrize("kind", [ON_A_CABLE, OLD_AND_ON_A_CABLE], ids=["today's", "old"])
def test_a_security_key_serves_after_the_password(visitor, alice, kind):
    Authenticator(visitor.devtools, kind)
    visitor.log_in(alice)
    add(visitor, "Blue key")
    save_codes(visitor)
    visitor.log_out()
    come_to_the_challenge(visitor, alice)
    visitor.button("Use your passkey").click()
    visitor.is_logged_in(alice)


def test_either_of_two_keys_answers(visitor, authenticator, with_a_passkey):
    come_to_the_challenge(visitor, with_a_passkey)
    visitor.button("Use your passkey").click()
    visitor.is_logged_in(with_a_passkey)
    # A security key that is plugged in is what gets touched.
    authenticator.waits()
    Authenticator(visitor.devtools, ON_A_CABLE)
    add(visitor, "Blue key")
    visitor.is_at("Two-factor authentication")
    visitor.sees("Blue key is set up.")
    visitor.log_out()
    come_to_the_challenge(visitor, with_a_passkey)
    visitor.sees("Use one of your passkeys:")
    visitor.button("Use your passkey").click()
    visitor.is_logged_in(with_a_passkey)
    visitor.sees("You proved it with a passkey (Blue key).")


def test_beside_an_app_either_answers_and_a_wrong_code_keeps_both(visitor, authenticator, bea):
    visitor.log_in(bea)
    add(visitor)
    visitor.is_at("Two-factor authentication")
    visitor.log_out()
    come_to_the_challenge(visitor, bea)
    visitor.look_around("challenge, an app and a passkey")
    visitor.answer(bea.app.wrong_code())
    visitor.sees("That code is not right.")
    expect(visitor.field("Code")).to_be_focused()
    visitor.button("Use your passkey").click()
    visitor.is_logged_in(bea)


# Without a password


@pytest.fixture
def passwordless(visitor, authenticator, alice):
    """Alice, logged out again, whose passkey signs in without a password."""
    visitor.log_in(alice)
    add(visitor, passwordless=True)
    save_codes(visitor)
    # From here on the list at the field waits for her.
    authenticator.waits()
    visitor.log_out()
    return alice


def test_the_login_page_offers_it_by_a_button(visitor, authenticator, passwordless):
    visitor.page.add_init_script(NO_LIST)
    visitor.open("/accounts/login/?next=/accounts/two-factor/factors/")
    authenticator.tell("setAutomaticPresenceSimulation", enabled=True)
    visitor.button("Sign in with a passkey").click()
    visitor.is_at("Two-factor authentication")
    visitor.sees("signs in without a password")


def test_the_browser_offers_it_in_the_list_at_the_field(visitor, authenticator, passwordless):
    visitor.open("/accounts/login/")
    expect(visitor.page.locator("#id_login")).to_have_attribute("autocomplete", "username webauthn")
    # From another page: a question that waits already may be answered at once.
    visitor.page.goto("about:blank")
    authenticator.tell("setAutomaticPresenceSimulation", enabled=True)
    # The answer leads on, perhaps before all of the page is there.
    visitor.page.goto("/accounts/login/", wait_until="commit")
    visitor.is_logged_in(passwordless)


def test_the_button_replaces_the_list(visitor, authenticator, passwordless):
    with visitor.page.expect_response("**/passkey-login/"):
        visitor.open("/accounts/login/")
    # The question has to be with the authenticator when that is told to answer: else it would answer the list.
    visitor.page.wait_for_timeout(3000)
    authenticator.tell("setAutomaticPresenceSimulation", enabled=True)
    visitor.button("Sign in with a passkey").click()
    visitor.is_logged_in(passwordless)


def test_a_user_who_comes_back_to_the_page_is_asked_again(visitor, authenticator, passwordless):
    """Another tab has put a question of its own meanwhile."""
    with visitor.page.expect_response("**/passkey-login/"):
        visitor.open("/accounts/login/")
    other = visitor.context.new_page()
    with other.expect_response("**/passkey-login/"):
        other.goto("/accounts/login/")
    with visitor.page.expect_response("**/passkey-login/"):
        visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def stay(route):
    """Let the page stay where it is when its form is posted: it takes nothing back by being left."""
    if route.request.method == "GET":
        route.continue_()
    else:
        route.fulfill(status=204)


def test_a_user_who_gives_the_password_before_the_list_is_there_takes_the_question_back(visitor, authenticator, passwordless):
    """An answer that came late would replace the session of that login."""
    visitor.page.route("**/passkey-login/", lambda _route: None)
    visitor.page.route("**/accounts/login/", stay)
    with visitor.page.expect_request("**/passkey-login/"):
        visitor.open("/accounts/login/")
    with visitor.page.expect_event("requestfailed", lambda request: request.url.endswith("/passkey-login/")):
        visitor.give_password(passwordless)


def test_the_password_stays_a_way_in(visitor, passwordless):
    come_to_the_challenge(visitor, passwordless)


def test_an_authenticator_that_does_not_check_who_is_there_is_not_taken_for_it(visitor, alice):
    Authenticator(visitor.devtools, ON_A_CABLE)
    visitor.log_in(alice)
    add(visitor, passwordless=True)
    visitor.sees("No passkey was added")
    visitor.field("Sign in with it without a password").uncheck()
    visitor.button("Add a passkey").click()
    save_codes(visitor)


def test_a_user_who_fails_the_check_does_not_get_in(visitor, authenticator, passwordless):
    visitor.page.add_init_script(NO_LIST)
    visitor.open("/accounts/login/")
    authenticator.tell("setAutomaticPresenceSimulation", enabled=True)
    authenticator.tell("setUserVerified", isUserVerified=False)
    visitor.button("Sign in with a passkey").click()
    visitor.sees("The request was cancelled or no passkey was found.")
    visitor.is_at("Sign In")


def test_one_for_use_after_the_password_is_sent_to_the_password(visitor, with_a_passkey, authenticator):
    """A device may keep it all the same, and offer it."""
    visitor.page.add_init_script(NO_LIST)
    visitor.open("/accounts/login/")
    (kept,) = authenticator.passkeys
    if not kept["isResidentCredential"]:
        authenticator.tell("removeCredential", credentialId=kept["credentialId"])
        handle = kept.get("userHandle") or "AAAA"
        authenticator.tell("addCredential", credential={**kept, "isResidentCredential": True, "userHandle": handle})
    visitor.button("Sign in with a passkey").click()
    visitor.sees("This passkey works only after your password.")
    visitor.is_at("Sign In")


# What goes wrong


def test_a_copy_is_refused_and_the_owner_is_told(visitor, authenticator, with_a_passkey):
    (original,) = authenticator.passkeys
    for _ in range(2):
        come_to_the_challenge(visitor, with_a_passkey)
        visitor.button("Use your passkey").click()
        visitor.is_logged_in(with_a_passkey)
        visitor.log_out()
    authenticator.goes()
    copy = Authenticator(visitor.devtools, IN_THE_DEVICE)
    copy.tell("addCredential", credential=original)
    come_to_the_challenge(visitor, with_a_passkey)
    visitor.button("Use your passkey").click()
    visitor.sees("it may have been copied")
    visitor.look_around("challenge, a copied passkey")
    visitor.open("/outbox/")
    visitor.sees("A passkey may have been copied")


def test_a_device_that_has_no_passkey_says_so_and_another_try_may_do_better(visitor, authenticator, with_a_passkey):
    """What a browser says of it is what it says of a prompt that was cancelled."""
    come_to_the_challenge(visitor, with_a_passkey)
    (kept,) = authenticator.passkeys
    authenticator.tell("clearCredentials")
    visitor.button("Use your passkey").click()
    visitor.sees("The request was cancelled or no passkey was found. Try again, or use a different method.")
    visitor.look_around("challenge, a passkey alone")
    authenticator.tell("addCredential", credential=kept)
    visitor.button("Use your passkey").click()
    visitor.is_logged_in(with_a_passkey)


def test_a_prompt_that_is_broken_off_adds_nothing_and_can_be_tried_again(visitor, authenticator, alice):
    visitor.log_in(alice)
    authenticator.tell("setUserVerified", isUserVerified=False)
    add(visitor, passwordless=True)
    visitor.sees("No passkey was added. The request was cancelled or your device did not respond.")
    expect(visitor.field("Name of this device")).to_have_value("Laptop")
    authenticator.tell("setUserVerified", isUserVerified=True)
    visitor.button("Add a passkey").click()
    save_codes(visitor)


def test_a_second_press_while_the_prompt_is_open_begins_nothing(visitor, authenticator, alice):
    visitor.log_in(alice)
    authenticator.waits()
    posts = []
    visitor.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    add(visitor)
    expect(visitor.page.locator("[data-passkey]")).to_have_attribute("aria-busy", "true")
    visitor.button("Add a passkey").click()
    visitor.page.wait_for_timeout(500)
    assert len(posts) == 1


def test_a_prompt_that_nobody_answers_says_that_it_took_too_long(visitor, authenticator, alice):
    def hurry(route):
        answer = route.fetch()
        options = answer.json()
        route.fulfill(response=answer, json={**options, "timeout": 1000})

    visitor.log_in(alice)
    visitor.page.route("**/add-passkey/", lambda route: hurry(route) if route.request.method == "POST" else route.continue_())
    authenticator.waits()
    add(visitor)
    visitor.sees("No passkey was added because it took too long.")


def test_a_device_that_has_one_already_is_told(visitor, authenticator, with_a_passkey):
    come_to_the_challenge(visitor, with_a_passkey)
    visitor.button("Use your passkey").click()
    visitor.is_logged_in(with_a_passkey)
    add(visitor)
    visitor.sees("That device or key already has a passkey for your account.")
    visitor.look_around("add a passkey, there already")


def test_a_login_that_took_too_long_leads_on(visitor, authenticator, with_a_passkey):
    come_to_the_challenge(visitor, with_a_passkey)
    visitor.context.clear_cookies(name="sessionid")
    visitor.button("Use your passkey").click()
    visitor.is_at("Sign In")


def test_a_site_that_does_not_answer_is_told(visitor, with_a_passkey):
    come_to_the_challenge(visitor, with_a_passkey)
    visitor.page.route("**/authenticate/", lambda route: route.fulfill(status=200, body="a proxy's page"))
    visitor.button("Use your passkey").click()
    visitor.sees("The site did not respond.")


@pytest.mark.parametrize("name", ["PublicKeyCredential"])
def test_a_browser_without_passkeys_says_so_and_other_ways_stay(visitor, with_a_passkey, name):
    visitor.page.add_init_script(f"delete window.{name}")
    visitor.open("/accounts/login/")
    expect(visitor.button("Sign in with a passkey")).to_be_hidden()
    visitor.give_password(with_a_passkey)
    visitor.sees("This browser can't use passkeys here.")
    expect(visitor.button("Use your passkey")).to_be_hidden()
    expect(visitor.field("Recovery code")).to_be_visible()


def test_without_scripts_the_pages_say_what_is_missing(visit, visitor, demo, with_a_passkey):
    other = visit(base_url=visitor.url, java_script_enabled=False)
    other.open("/accounts/login/")
    expect(other.button("Sign in with a passkey")).to_be_hidden()
    other.page.locator("#id_login").fill(with_a_passkey.name)
    other.page.locator("#id_password").fill(with_a_passkey.password)
    other.button("Sign In").click()
    other.is_at(CONFIRM)
    expect(other.page.locator("noscript p")).to_contain_text("Passkeys need JavaScript")
    expect(other.page.locator("noscript p")).to_be_visible()
    expect(other.button("Use your passkey")).to_be_hidden()
    expect(other.field("Recovery code")).to_be_visible()


def test_without_scripts_a_passkey_cannot_be_added_and_the_page_says_so_first(visit, demo, alice):
    other = visit(base_url=demo.url.replace("127.0.0.1", "localhost"), java_script_enabled=False)
    other.log_in(alice)
    other.open(ADD)
    expect(other.button("Add a passkey")).to_be_hidden()
    expect(other.page.locator("noscript p")).to_be_visible()
    assert other.page.locator("noscript p").bounding_box()["y"] < other.field("Name of this device").bounding_box()["y"]


# What the browser is told


def test_a_passkey_that_was_removed_is_forgotten_by_the_browser(visitor, authenticator, alice):
    visitor.log_in(alice)
    add(visitor, passwordless=True)
    save_codes(visitor)
    visitor.open("/accounts/two-factor/remove/")
    visitor.look_around("remove, a passkey")
    visitor.button("Turn off with your passkey").click()
    visitor.sees("Two-factor authentication is off.")
    forgotten(visitor, authenticator)


def test_a_passkey_that_the_site_does_not_know_is_forgotten_by_the_browser(visitor, people, authenticator, passwordless):
    visitor.page.add_init_script(NO_LIST)
    people.lose_passkeys(passwordless)
    visitor.open("/accounts/login/")
    authenticator.tell("setAutomaticPresenceSimulation", enabled=True)
    visitor.button("Sign in with a passkey").click()
    visitor.sees("That passkey is not on your account.")
    forgotten(visitor, authenticator)


def forgotten(visitor, authenticator):
    """Wait until the authenticator has no passkey any more."""
    for _ in range(50):
        if not authenticator.passkeys:
            return
        visitor.page.wait_for_timeout(100)
    assert not authenticator.passkeys


# The pages


def test_the_pages_can_be_looked_at(visitor, alice):
    visitor.open("/accounts/login/")
    visitor.look_around("login, with passkeys")
    visitor.log_in(alice)
    visitor.open(ADD)
    visitor.look_around("add a passkey")


def test_a_user_who_comes_by_the_bare_address_is_told_where_passkeys_work(visit, demo):
    visitor = visit()
    visitor.open("/")
    expect(visitor.link("localhost")).to_have_attribute("href", f"{demo.url.replace('127.0.0.1', 'localhost')}/")
