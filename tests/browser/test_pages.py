"""Every page of the way, in the light and in the dark, wide and narrow: axe finds nothing, and the console stays silent."""

import re

from playwright.sync_api import expect

from .people import App, Person, anybody


def test_the_pages_of_those_who_are_not_signed_in(visitor):
    for name, path, heading in (
        ("home", "/", "Two-factor authentication, to try out"),
        ("signup", "/accounts/signup/", "Sign Up"),
        ("login", "/accounts/login/", "Sign In"),
        ("login by mail", "/accounts/login/code/", "Send me a sign-in code"),
        ("password reset", "/accounts/password/reset/", "Password Reset"),
        ("outbox", "/outbox/", "Outbox"),
    ):
        visitor.open(path)
        visitor.is_at(heading)
        visitor.look_around(name)


def test_the_pages_that_say_no_before_the_challenge(visitor, alice):
    visitor.open("/accounts/login/")
    visitor.give_password(Person(alice.name, password="wrong"))
    visitor.sees("The username and/or password you specified are not correct.")
    visitor.look_around("login, wrong")
    visitor.open("/accounts/signup/")
    visitor.field("Username").fill(alice.name)
    visitor.field("Email").fill("somebody@example.com")
    visitor.field("Password").fill("12345678")
    visitor.button("Sign Up").click()
    visitor.sees("A user with that username already exists.")
    visitor.look_around("signup, wrong")
    visitor.field("Username").fill(anybody())
    visitor.field("Password").fill(alice.password)
    visitor.button("Sign Up").click()
    visitor.is_at("Enter Email Verification Code")
    visitor.look_around("e-mail verification")


def test_the_challenge(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.look_around("challenge")
    visitor.page.locator("summary").click()
    visitor.look_around("challenge, another way")
    visitor.answer(bea.app.wrong_code())
    visitor.sees("That code is not right.")
    visitor.look_around("challenge, wrong")
    visitor.answer(bea.recovery_codes[0])
    visitor.sees("You used a recovery code.")
    visitor.look_around("home, recovery code used")


def test_the_challenge_of_somebody_with_two_apps_who_tries_too_often(visitor, people):
    person = people.make("Work phone", "Tablet with a rather long name, such as people give to things that they own")
    visitor.come_to_the_challenge(person)
    visitor.look_around("challenge, two apps")
    # The app refuses for a second, then for two, for four: in one of these pauses the next try comes soon enough.
    while not visitor.page.get_by_text("Too many tries. You can try again in").is_visible():
        with visitor.page.expect_navigation():
            visitor.answer(person.apps[0].wrong_code())
    visitor.look_around("challenge, throttled")


def test_a_login_that_ended(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.button("Cancel").click()
    visitor.is_at("Sign In")
    visitor.look_around("login, cancelled")


def test_the_setup_and_the_recovery_codes(visitor, alice):
    visitor.log_in(alice)
    visitor.look_around("home, password only")
    visitor.open("/accounts/two-factor/setup/")
    visitor.is_at("Set up two-factor authentication")
    visitor.look_around("setup")
    app = App.set_up_with(visitor.page.locator("#two-factor-secret").inner_text())
    visitor.field("Code").fill(app.wrong_code())
    visitor.button("Turn on").click()
    visitor.sees("That code is not right.")
    visitor.look_around("setup, wrong")
    visitor.field("Name of this device").fill("My phone")
    visitor.field("Code").fill(app.next_code())
    visitor.button("Turn on").click()
    visitor.is_at("Recovery codes")
    visitor.look_around("recovery codes, new")
    visitor.open("/accounts/two-factor/backup-tokens/")
    visitor.sees("You have 10 unused recovery codes.")
    visitor.look_around("recovery codes, again")


def test_the_removal(visitor, people):
    person = people.make("Work phone")
    visitor.log_in(person)
    visitor.look_around("home, verified")
    visitor.open("/accounts/two-factor/backup-tokens/")
    visitor.sees("You have no recovery codes.")
    visitor.look_around("recovery codes, none")
    visitor.open("/accounts/two-factor/factors/")
    visitor.link("Turn off two-factor authentication").click()
    visitor.is_at("Turn off two-factor authentication")
    visitor.look_around("removal")
    visitor.field("Code").fill(person.app.wrong_code())
    visitor.button("Turn off").click()
    visitor.sees("That code is not right.")
    visitor.look_around("removal, wrong")


def test_the_pages_that_ask_again_who_it_is(visitor, bea):
    visitor.log_in(bea)
    visitor.open("/accounts/two-factor/factors/reauthenticate/")
    visitor.is_at("Confirm Access")
    visitor.look_around("reauthentication by code")
    visitor.open("/accounts/reauthenticate/")
    visitor.is_at("Confirm Access")
    visitor.look_around("reauthentication by password")


def test_the_other_pages_of_the_account(visitor, alice):
    visitor.log_in(alice)
    for name, path, heading in (
        ("e-mail", "/accounts/email/", "Email Addresses"),
        ("password", "/accounts/password/change/", "Change Password"),
        ("logout", "/accounts/logout/", "Sign Out"),
    ):
        visitor.open(path)
        visitor.is_at(heading)
        visitor.look_around(name)


def test_the_admin(visitor, people):
    staff = people.make("Work phone", recovery_codes=("spare567",), is_staff=True)
    visitor.log_in(staff)
    for name, path in (
        ("admin", "/admin/"),
        ("admin, authenticator apps", "/admin/otp_totp/totpdevice/"),
        ("admin, an authenticator app", f"/admin/otp_totp/totpdevice/?q={staff.name}"),
    ):
        visitor.open(path)
        visitor.look_around(name)
    visitor.page.get_by_role("link", name=staff.name, exact=True).click()
    expect(visitor.page).to_have_url(re.compile("/change/"))
    visitor.look_around("admin, one authenticator app")


def test_the_pages_that_say_why_the_admin_is_closed(visit, people, bea):
    for name, person in (("admin, no factor", people.make(is_staff=True)), ("admin, not staff", bea)):
        visitor = visit()
        visitor.log_in(person)
        visitor.open("/admin/")
        expect(visitor.button("Sign out")).to_be_visible()
        visitor.look_around(name)
