"""Who must have a second factor sets it up in the middle of the login."""

from .people import App


def test_somebody_chooses_an_app_in_the_middle_of_the_login_and_is_in_after_it(visitor, people):
    person = people.make()
    people.require_a_factor(person)
    visitor.open("/accounts/login/")
    visitor.give_password(person)
    visitor.is_at("Set up two-factor authentication")
    visitor.sees("This site requires two-factor authentication. Add one of these to continue.")
    visitor.look_around("enroll")
    visitor.page.get_by_role("link", name="Authenticator app").click()
    visitor.sees("This site requires two-factor authentication. Set it up to continue.")
    visitor.look_around("enroll, app")
    person.apps.append(App.set_up_with(visitor.page.locator("#two-factor-secret").inner_text()))
    visitor.field("Code").fill("000000")
    visitor.button("Turn on").click()
    visitor.look_around("enroll, app, wrong")
    visitor.field("Code").fill(person.app.next_code())
    visitor.button("Turn on").click()
    visitor.is_at("Recovery codes")
    visitor.sees("Two-factor authentication is on.")
    visitor.field("I have saved these codes").check()
    visitor.button("Continue").click()
    visitor.is_logged_in(person)
    visitor.open("/accounts/two-factor/factors/")
    visitor.sees("so you can't turn it off")
    visitor.look_around("overview, required")


def test_the_login_can_be_cancelled(visitor, people):
    person = people.make()
    people.require_a_factor(person)
    visitor.open("/accounts/login/")
    visitor.give_password(person)
    visitor.is_at("Set up two-factor authentication")
    visitor.button("Cancel").click()
    visitor.is_at("Sign In")
    visitor.open("/accounts/two-factor/setup/")
    visitor.is_at("Sign In")


def test_a_passkey_can_be_chosen_instead_and_the_login_be_cancelled_there_too(visitor, people):
    person = people.make()
    people.require_a_factor(person)
    visitor.open("/accounts/login/")
    visitor.give_password(person)
    visitor.is_at("Set up two-factor authentication")
    visitor.page.get_by_role("link", name="Passkey or security key").click()
    visitor.is_at("Add a passkey")
    visitor.look_around("enroll, passkey")
    visitor.button("Cancel").click()
    visitor.is_at("Sign In")
