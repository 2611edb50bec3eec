"""Codes of tokens and codes that are sent, without the leading zeros that a number has lost."""

from __future__ import annotations

import re
import secrets

import pytest
import time_machine
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from django_otp import oath
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.answers import verify
from allauth_2fa.budget import stored
from allauth_2fa.budget.budget import Budget
from allauth_2fa.devices.manage import prefer
from allauth_2fa.forms import TOTPAuthenticateForm
from allauth_2fa.models import Browser, SentCode
from tests.cast import code_of, give_answer, give_password, is_logged_in
from tests.pager.models import Pager
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
        SentCode.objects.all().delete()  # no more than 20 are sent in an hour
        give_password(client, alice)
        client.post(reverse("two-factor-authenticate"), {"action": "send"})
        code = code_in(mail.outbox[-1]).replace(" ", "")
        if code.startswith("0"):
            return code
    raise AssertionError


@pytest.mark.usefixtures("mailbox")
def test_a_code_that_was_sent_is_taken_without_its_zeros(client, alice, settings):
    settings.ACCOUNT_RATE_LIMITS = {"allauth_2fa_send": "10000/s/key", "login": "10000/s/ip"}
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


# Beside a device that is sent its codes, of which nobody knows how long they are


def let_show_zeros(phone, zeros, *shifts):
    """Give the app a secret whose first code begins with so many zeros and no more, and return its codes."""
    while True:
        phone.key = secrets.token_hex(20)
        codes = [code_of(phone, shift) for shift in shifts or (0,)]
        if re.match(f"0{{{zeros}}}[1-9]", codes[0]):
            TOTPDevice.objects.filter(pk=phone.pk).update(key=phone.key, last_t=-1)
            return "".join(codes)


@pytest.fixture(params=["mailbox", "telephone", "pager"])
def beside(request, alice, gateway, clock):
    """A device that sends codes, which was used last, so that it is asked first."""
    if request.param == "pager":
        request.getfixturevalue("_by_mail")
        return Pager.objects.create(user=alice, name="Pager")
    return request.getfixturevalue(request.param)


@pytest.fixture
def clock():
    with time_machine.travel(1_767_225_605, tick=False) as clock:
        yield clock


@pytest.mark.parametrize("is_sent", [False, True])
def test_the_code_of_an_app_is_taken_without_its_zeros_beside_a_device_that_sends(client, alice, phone, beside, is_sent):
    prefer(beside)
    code = let_show_zeros(phone, 1)
    give_password(client, alice)
    if not is_sent:
        SentCode.objects.update(used_at=timezone.now())
    give_answer(client, code.lstrip("0"))
    assert is_logged_in(client)


@pytest.mark.parametrize("zeros", [1, 2])
def test_three_codes_in_a_row_lack_their_zeros_beside_a_device_that_sends(client, alice, phone, mailbox, clock, zeros):
    """With two zeros less they are as long as the longest code that may have been sent."""
    codes = let_show_zeros(phone, zeros, -2, -1, 0)
    TOTPDevice.objects.update(throttling_failure_count=9, throttling_failure_timestamp=timezone.now())
    give_password(client, alice)
    give_answer(client, codes.lstrip("0"))
    assert is_logged_in(client)


def failures(user):
    row = Browser.all_rows.filter(user=user, digest="").values(*stored.COLUMNS).first()
    return [failure.weight for failure in Budget.of(user.pk, row).failures]


@pytest.mark.parametrize("typed", ["{}", "0{}"])
def test_a_wrong_one_is_charged_for_each_device_that_it_is_compared_with(client, alice, phone, mailbox, clock, typed):
    prefer(mailbox)
    give_password(client, alice)
    right = {int(code_of(phone, shift)) for shift in (-1, 0, 1)} | {int(code_in(mail.outbox[-1]).replace(" ", ""))}
    wrong = next(number for number in range(12345, 99999) if number not in right)
    give_answer(client, typed.format(wrong))
    # The app and the mailbox: a chance of 3 and of 1 in a million.
    assert failures(alice) == [2]


def test_a_short_answer_is_compared_with_the_app_alone_where_nothing_is_sent(client, alice, phone, clock):
    give_password(client, alice)
    give_answer(client, "12345" if int(code_of(phone)) != 12345 else "12346")
    assert failures(alice) == [1]


def test_an_answer_as_long_as_the_codes_of_an_app_has_lost_no_zeros(client, alice, phone, mailbox, clock):
    long = TOTPDevice.objects.create(user=alice, name="Eight", digits=8)
    code = ""
    while not re.match("00[1-9]", code):
        long.key = secrets.token_hex(20)
        code = code_of(long)
    long.save()
    give_password(client, alice)
    give_answer(client, code[2:])
    assert not is_logged_in(client)
    assert failures(alice) == [2]
