"""What happened, in the browser: the page, the overview, the mail in the outbox, and the admin."""

from __future__ import annotations


def test_somebody_reads_what_happened_and_the_mail_about_it(visitor, bea):
    visitor.come_to_the_challenge(bea)
    visitor.answer(bea.app.wrong_code())
    visitor.sees("That code is not right.")
    visitor.answer(bea.recovery_codes[0])
    visitor.sees("You used a recovery code.")
    visitor.link("Two-factor").click()
    visitor.sees("Security activity")
    visitor.look_around("overview, what happened")
    visitor.link("View all activity").click()
    visitor.is_at("Security activity")
    for text in (
        "Two-factor authentication failed after a correct password",
        "A recovery code was used",
        "Signed in with a second factor",
        "Chrome on Linux",
    ):
        visitor.sees(text)
    visitor.look_around("events")
    visitor.open("/outbox/")
    visitor.sees("Two-factor authentication failed after a correct password")
    visitor.look_around("outbox, what happened")


def test_the_page_of_somebody_to_whom_nothing_happened(visitor, alice):
    visitor.log_in(alice)
    visitor.open("/accounts/two-factor/factors/events/")
    visitor.sees("No activity yet.")
    visitor.look_around("events, none")


def test_the_audit_log_in_the_admin(visitor, people):
    staff = people.make("Work phone", is_staff=True)
    visitor.log_in(staff)
    visitor.open(f"/admin/allauth_2fa/auditentry/?q={staff.name}")
    visitor.sees("challenge_passed")
    visitor.look_around("admin, audit log")
    visitor.page.locator("#result_list a").first.click()
    visitor.sees("Work phone")
    visitor.look_around("admin, one event")
