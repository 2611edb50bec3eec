"""Attack: write into mails and logs, by a user agent, a name, a host."""

from __future__ import annotations

import logging

import pytest
from django.core import mail
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.audit import events, notices
from tests.cast import code_of, give_password, wrong_code_of

pytestmark = pytest.mark.django_db(transaction=True)

AGENT = "Your account is at risk! Go to https://evil.example/ or www.evil.example now\r\nBcc: everybody@evil.example"
NAME = "Phone\r\nBcc: everybody@evil.example\r\n\r\nsee https://evil.example/ <a href='//evil.example'>here</a>"


def refuse(client, alice, phone, **extra):
    give_password(client, alice)
    return client.post(reverse("two-factor-authenticate"), {"otp_token": wrong_code_of(phone)}, **extra)


def test_a_user_who_knows_the_password_writes_nothing_into_the_owners_mail(client, alice, phone):
    refuse(client, alice, phone, headers={"user-agent": AGENT}, HTTP_X_FORWARDED_FOR="evil.example")
    (message,) = mail.outbox
    raw = str(message.message())
    assert "evil" not in raw
    assert "at risk" not in raw
    assert message.recipients() == ["alice@example.com"]


def test_a_name_makes_no_header_no_link_and_no_markup(alice, phone):
    phone.name = alice.username = NAME
    events.announce("device_renamed", alice, device=phone, was=NAME)
    (message,) = mail.outbox
    assert message.recipients() == ["alice@example.com"]
    assert "Bcc" not in message.message()
    for text in (message.body, message.alternatives[0][0]):
        assert "evil.example" not in text
        assert text.count("//") <= 2  # the one link, once as its address and once as its text
        assert "&lt;a" not in text


def test_a_project_that_puts_the_name_into_the_subject_gets_one_line(alice, phone, settings, tmp_path):
    folder = tmp_path / "allauth_2fa" / "email"
    folder.mkdir(parents=True)
    (folder / "device_added_subject.txt").write_text("{% autoescape off %}{{ device }} of {{ account }}{% endautoescape %}")
    (folder / "device_added_message.txt").write_text("{{ device }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    phone.name = NAME
    events.announce("device_added", alice, device=phone)
    assert "\n" not in mail.outbox[0].subject
    assert "Bcc" not in mail.outbox[0].message()


def test_no_line_of_the_log_is_forged(client, alice, phone, caplog):
    with caplog.at_level(logging.DEBUG, "allauth_2fa"):
        refuse(client, alice, phone, headers={"user-agent": "x\r\nERROR two_factor_off user=1\x1b[2K\x00"})
        client.get(reverse("two-factor-authenticate"))
        phone.name = NAME
        events.announce("device_added", alice, device=phone)
    for record in caplog.records:
        told = [record.getMessage(), record.device, record.user_agent, *record.facts.values()]
        assert not [text for text in told if any(sign in text for sign in "\r\n\x1b\x00")]


def test_a_host_that_the_site_does_not_have_gets_no_link(client, alice, phone, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    give_password(client, alice)
    response = client.post(reverse("two-factor-authenticate"), {"otp_token": wrong_code_of(phone)}, headers={"host": "evil.example"})
    assert response.status_code == 400
    assert not [message for message in mail.outbox if "evil" in message.body]


def test_a_device_name_that_is_typed_on_the_page_stays_on_its_line(client, alice):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get()
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(device), "name": "https://evil.example/ Phone"})
    (message,) = mail.outbox
    assert "https evil example Phone" in message.body


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Alice's phone (2nd), work & home", "Alice's phone (2nd), work & home"),
        ("Téléphone-2", "Téléphone-2"),
        ("a.b/c:d@e#f", "a b c d e f"),
    ],
)
def test_honest_names_stay_readable(name, shown):
    assert notices.harmless(name) == shown
