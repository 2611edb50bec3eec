"""What the devices of other plugins send to: pagers, telephones behind a gateway, mailboxes."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django_otp.plugins.otp_email.models import EmailDevice
from otp_twilio.models import TwilioSMSDevice

from allauth_2fa.models import SentCode
from allauth_2fa.testing import login_verified
from tests.plugins_of_django_otp.gateway import Gateway


@pytest.fixture
def gateway(settings):
    """A gateway for text messages, over HTTP."""
    with closing(Gateway()) as gateway:
        settings.OTP_TWILIO_URL = gateway.url
        settings.OTP_TWILIO_ACCOUNT, settings.OTP_TWILIO_AUTH, settings.OTP_TWILIO_FROM = "account", "auth", "+15550000"
        yield gateway


@pytest.fixture
def telephone(alice, gateway):
    """Alice's telephone."""
    return TwilioSMSDevice.objects.create(user=alice, name="Telephone", number="+447700900142")


@pytest.fixture
def _by_mail(settings):
    """The site asks for codes by e-mail too."""
    settings.ALLAUTH_2FA_FACTORS = ["totp", "hotp", "sms", "email", "pager.pager", "recovery_codes", "static"]


@pytest.fixture
def address(alice, _by_mail):
    """Alice's confirmed address."""
    return EmailAddress.objects.create(user=alice, email="alice@example.com", verified=True, primary=True)


@pytest.fixture
def mailbox(alice, address):
    """Alice's mailbox, as a device."""
    return EmailDevice.objects.create(user=alice, name="Mail", email=address.email)


@pytest.fixture
def verified(client, alice, phone):
    """A browser in which Alice has just signed in by her app."""
    login_verified(client, alice, phone)
    return client


def code_in(mail):
    """Return the code that a mail brings, as it would be typed from it."""
    return re.search(r"^ {4}(\d{3} \d{3})$", mail.body, re.MULTILINE)[1]


def age_sent_codes(seconds):
    """Let that many seconds pass for the codes that were sent."""
    passed = timedelta(seconds=seconds)
    for code in SentCode.objects.all():
        SentCode.objects.filter(pk=code.pk).update(created_at=code.created_at - passed, expires_at=code.expires_at - passed)
