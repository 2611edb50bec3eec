"""A mail with a code says what the code is for, and what it means if somebody else asked for it."""

from __future__ import annotations

import html
import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from tests.cast import give_answer, give_password
from tests.plugins_of_django_otp.installed.conftest import code_in

pytestmark = pytest.mark.django_db

ADD = "/accounts/two-factor/factors/add/email/"
REAUTHENTICATE = "/accounts/two-factor/factors/reauthenticate/"


def check(sent, subject: str, what_for: str, otherwise: str) -> None:
    """Check what the mail says, and that its HTML says the same as its text."""
    page = html.unescape(sent.alternatives[0].content)
    assert sent.subject == f"[example.com] {subject}"
    assert re.findall(r"<h1[^>]*>\s*(.*?)\s*</h1>", page, re.DOTALL) == [subject]
    for text in (sent.body, page):
        assert what_for in text
        assert otherwise in text
        assert text.index(what_for) < text.index(code_in(sent)) < text.rindex("This code expires in") < text.index(otherwise)
    preview = page.partition("<body")[2].partition("<table")[0]
    assert "This code expires in 10 minutes" in preview
    assert code_in(sent) not in preview, "a locked phone would show it"


def test_the_code_of_a_login(client, alice, mailbox):
    give_password(client, alice)
    (sent,) = mail.outbox
    check(sent, "Your sign-in code", "To sign in to example.com, enter:", "someone knows your password")


def test_the_code_that_confirms_a_change(client, alice, mailbox):
    give_password(client, alice)
    give_answer(client, code_in(mail.outbox[0]))
    client.post(f"{REAUTHENTICATE}?next=/private/", {"action": "send"})
    what_for = "To confirm a change to your account at example.com, enter:"
    check(mail.outbox[1], "Your code to confirm a change", what_for, "someone is signed in to your account")


def test_the_code_that_adds_an_address_accuses_nobody(verified, alice, address):
    EmailAddress.objects.create(user=alice, email="alice@example.org", verified=True)
    verified.post(ADD, {"action": "begin", "email": "alice@example.org"})
    (sent,) = mail.outbox
    check(sent, "Your code to add this address", "To get codes from example.com at this address, enter:", "ignore this mail")
    assert "password" not in sent.body
