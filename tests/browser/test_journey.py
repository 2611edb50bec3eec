"""The whole way, from the first visit to the removal, by what the pages show and nothing else."""

import re

import pytest

from .people import App, Person, anybody


def code_in_the_mail(visitor, person):
    """Read the code that the site has mailed, in another tab, as the demo suggests."""
    with visitor.context.expect_page() as opening:
        visitor.link("Open the outbox in a new tab").click()
    tab = opening.value
    mail = tab.get_by_role("article").filter(has_text=f"{person.name}@example.com").first.inner_text()
    tab.close()
    return re.search(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", mail, re.MULTILINE)[0]


def sign_up(visitor, person):
    visitor.open("/")
    visitor.page.get_by_role("main").get_by_role("link", name="Sign up").click()
    visitor.is_at("Sign Up")
    visitor.field("Username").fill(person.name)
    visitor.field("Email").fill(f"{person.name}@example.com")
    visitor.field("Password").fill(person.password)
    visitor.button("Sign Up").click()
    visitor.is_at("Enter Email Verification Code")
    visitor.field("Code").fill(code_in_the_mail(visitor, person))
    visitor.button("Confirm").click()
    visitor.is_logged_in(person)


def set_up(visitor, person):
    visitor.link("Set up two-factor").click()
    visitor.is_at("Set up two-factor authentication")
    person.apps.append(App.set_up_with(visitor.page.locator("#two-factor-secret").inner_text()))
    visitor.field("Name of this device").fill("My phone")
    visitor.field("Code").fill(person.app.next_code())
    visitor.button("Turn on").click()
    visitor.is_at("Recovery codes")
    visitor.sees("Two-factor authentication is on.")
    person.recovery_codes = visitor.page.locator(".two-factor-codes code").all_inner_texts()
    assert len(person.recovery_codes) == 10
    visitor.field("I have saved these codes").check()
    visitor.button("Continue").click()
    visitor.is_logged_in(person)
    visitor.sees("You proved it with a password and a code (My phone).")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_visitor_signs_up_sets_up_an_app_logs_in_both_ways_and_turns_it_off(visit, scripts):
    visitor = visit(java_script_enabled=scripts)
    person = Person(anybody())
    sign_up(visitor, person)
    set_up(visitor, person)
    visitor.log_out()

    visitor.come_to_the_challenge(person)
    visitor.sees("Enter the 6-digit code from My phone.")
    visitor.answer(person.app.next_code())
    visitor.is_logged_in(person)
    visitor.log_out()

    visitor.come_to_the_challenge(person)
    visitor.use("Recovery code")
    visitor.is_at("Enter a recovery code")
    visitor.field("Recovery code").fill(person.recovery_codes[0])
    visitor.button("Sign in").click()
    visitor.is_logged_in(person)
    visitor.sees("You used a recovery code. You have 9 left.")

    visitor.link("Turn off two-factor").click()
    visitor.field("Code").fill(person.app.next_code())
    visitor.button("Turn off").click()
    visitor.sees("Two-factor authentication is off. You now sign in with your password only.")
    visitor.log_out()
    visitor.open("/accounts/login/")
    visitor.give_password(person)
    visitor.is_logged_in(person)
    visitor.sees("this account has no second factor")
