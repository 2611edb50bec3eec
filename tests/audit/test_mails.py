"""All mails go through one method of the adapter; what it does with them fails no login, and says nothing in the log."""

from __future__ import annotations

import json
import logging
import pickle
from typing import ClassVar

import pytest
import time_machine
from allauth.account.adapter import DefaultAccountAdapter
from django.core import mail
from django.core.mail import EmailMessage

from allauth_2fa import mails
from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.audit import events
from allauth_2fa.factors import registry
from tests.cast import code_of, give_answer, give_password, is_logged_in, wrong_code_of

from .test_notices import html_of

pytestmark = pytest.mark.django_db(transaction=True)


class Queue(OTPAdapter):
    """Puts mails into a queue that takes bytes."""

    packed: ClassVar[list[bytes]] = []

    def send_two_factor_mail(self, mail):
        assert not mail.has_code
        self.packed.append(json.dumps(mail.rendered()).encode())


class NoQueue(OTPAdapter):
    """Has a queue that is down, and says more than it should."""

    def send_two_factor_mail(self, mail):
        raise ConnectionRefusedError(f"{mail.address}: 123456")


class Another(OTPAdapter):
    """Writes mails in its own way: headers, a sender, HTML alone."""

    def render_mail(self, template_prefix, email, context, headers=None):
        message = EmailMessage("<Hello>", "<p>Hello</p>", "shop@example.com", [email], headers={"X-Shop": "1"})
        message.content_subtype = "html"
        return message


class Attaching(OTPAdapter):
    """Attaches a picture."""

    def render_mail(self, template_prefix, email, context, headers=None):
        message = super().render_mail(template_prefix, email, context, headers)
        message.attach("shop.png", b"picture", "image/png")
        return message


class Plain(DefaultAccountAdapter):
    """allauth's own adapter, without the second factor."""


def use(settings, adapter):
    settings.ACCOUNT_ADAPTER = f"{__name__}.{adapter.__name__}"


def a_mail(user):
    context = {"event": "device_added", "subject": "A device was added", "account": str(user)}
    return mails.Mail("allauth_2fa/email/notice", user.email, context)


def test_a_mail_goes_through_a_queue_as_it_was(alice, phone, settings, monkeypatch):
    monkeypatch.setattr(Queue, "packed", [])
    with time_machine.travel(1_900_000_000, tick=False):
        events.announce("device_added", alice, device=phone)
        use(settings, Queue)
        events.announce("device_added", alice, device=phone)
    (packed,) = Queue.packed
    mails.send(json.loads(packed))
    direct, queued = mail.outbox
    for part in ("subject", "body", "from_email", "to", "extra_headers", "content_subtype"):
        assert getattr(queued, part) == getattr(direct, part)
    assert html_of(queued) == html_of(direct)
    assert "Work phone" in queued.body


def test_what_the_adapter_has_made_of_a_mail_is_what_arrives(alice, settings):
    use(settings, Another)
    rendered = a_mail(alice).rendered()
    assert pickle.loads(pickle.dumps(rendered)) == json.loads(json.dumps(rendered)) == rendered  # noqa: S301 - our own
    mails.send(rendered)
    (message,) = mail.outbox
    assert (message.subject, message.body, message.content_subtype) == ("<Hello>", "<p>Hello</p>", "html")
    assert (message.to, message.from_email, message.extra_headers) == ([alice.email], "shop@example.com", {"X-Shop": "1"})
    assert message.alternatives == []


def test_an_attachment_is_not_lost_without_a_word(alice, settings):
    use(settings, Attaching)
    with pytest.raises(ValueError, match="attachments"):
        a_mail(alice).rendered()
    events.announce("device_added", alice)
    assert [attachment[0] for attachment in mail.outbox[0].attachments] == ["shop.png"]


def test_an_adapter_without_the_second_factor_sends_them_as_allauth_does(alice, settings):
    use(settings, Plain)
    events.announce("device_added", alice)
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


def test_a_queue_that_is_down_fails_no_login_and_is_logged_by_its_type(client, alice, phone, settings, caplog):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    codes = registry.recovery.renew(alice, 3)
    use(settings, NoQueue)
    give_password(client, alice)
    with caplog.at_level(logging.DEBUG):
        assert give_answer(client, wrong_code_of(phone)).status_code == 200
        assert give_answer(client, codes[0]).url == "/"
    assert is_logged_in(client)
    for event in ("challenge_refused", "recovery_code_used"):
        assert f"The mail on {event} to user {alice.pk} could not be sent: ConnectionRefusedError" in caplog.messages
    assert "alice@example.com" not in caplog.text
    assert "123456" not in caplog.text


class Broken(logging.Filter):
    """A filter of the project's logging that fails."""

    def filter(self, record):
        raise ZeroDivisionError


def test_a_log_that_fails_stops_neither_the_login_nor_the_mail(client, alice, phone, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    broken = Broken()
    give_password(client, alice)
    logger = logging.getLogger("allauth_2fa.events")
    logger.addFilter(broken)
    try:
        give_answer(client, wrong_code_of(phone))
        give_answer(client, code_of(phone))
    finally:
        logger.removeFilter(broken)
    assert is_logged_in(client)
    assert len(mail.outbox) == 1
