"""Codes of tokens and codes that are sent, without the leading zeros that a number has lost."""

from __future__ import annotations

import secrets

import pytest
from django.core import mail
from django.urls import reverse
from django_otp import oath
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice

from allauth_2fa.answers import verify
from allauth_2fa.forms import TOTPAuthenticateForm
from tests.cast import give_answer, give_password, is_logged_in
from tests.plugins_of_django_otp.installed.conftest import code_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(alice):
    """A token whose next code begins with one zero."""
    device = HOTPDevice(user=alice, name="Token")
    while True:
        device.key = secrets.token_hex(20)
        code = shown_at(device, 0)
        if code.startswith("0") and code[1] != "0":
            device.save()
            return device


def shown_at(device, counter):
    return str(oath.hotp(device.bin_key, counter, device.digits)).zfill(device.digits)


@pytest.mark.parametrize("given", [int, lambda code: code.lstrip("0"), str])
def test_the_code_of_a_token_is_taken_with_its_zeros_and_without(alice, token, given):
    form = TOTPAuthenticateForm(alice, data={"otp_token": given(shown_at(token, 0))})
    assert form.is_valid(), form.errors
    token.refresh_from_db()
    assert token.counter == 1


def test_two_codes_in_a_row_may_lack_the_zero_of_the_first(alice, token):
    token.counter = 0
    HOTPDevice.objects.update(tolerance=0)
    while not shown_at(token, 41).startswith("0"):
        token.key = secrets.token_hex(20)
    HOTPDevice.objects.update(key=token.key)
    assert verify.answer(alice, (shown_at(token, 41) + shown_at(token, 42)).lstrip("0")) == token


def sent(client, alice):
    """Begin logins until the code that is mailed begins with a zero, and return it."""
    for _try in range(300):
        client.logout()
        EmailDevice.objects.update(last_generated_timestamp=None)
        give_password(client, alice)
        client.post(reverse("two-factor-authenticate"), {"action": "send"})
        code = code_in(mail.outbox[-1]).replace(" ", "")
        if code.startswith("0"):
            return code
    raise AssertionError


@pytest.mark.usefixtures("mailbox")
def test_a_code_that_was_sent_is_taken_without_its_zeros(client, alice, settings):
    settings.ACCOUNT_RATE_LIMITS = {"allauth_2fa_send": "10000/s/key"}
    code = sent(client, alice)
    give_answer(client, code.lstrip("0"))
    assert is_logged_in(client)


@pytest.mark.usefixtures("mailbox")
def test_a_wrong_one_stays_wrong(client, alice):
    give_password(client, alice)
    client.post(reverse("two-factor-authenticate"), {"action": "send"})
    code = code_in(mail.outbox[-1]).replace(" ", "")
    give_answer(client, code.lstrip("0") + "1")
    give_answer(client, code.lstrip("0")[:-1])
    assert not is_logged_in(client)
