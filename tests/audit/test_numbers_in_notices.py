"""A mail of the site names no telephone number that a thief has put into the name of a device."""

from __future__ import annotations

import re

import pytest

from allauth_2fa.audit import events

pytestmark = pytest.mark.django_db

NUMBERS = [
    "Call +1 800 555 0199",
    "Fraud desk (0800) 555-0199",
    "call 0800 then 5550199",
    "ring " + "08005550199".translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
    "ring ⁰⁸⁰⁰⁵⁵⁵⁰¹⁹⁹",
    "ring ①②③④⑤⑥⑦",
    "ring ٠٨٠٠٥٥٥٠١٩٩",
    "text 80 88 88",
]


def visible(page: str) -> str:
    """Return what a reader sees of a mail in HTML, without the sizes and colours of its elements."""
    return re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_to_call_is_left_out(committed, mails, alice, phone, name):
    phone.name = name
    with committed():
        events.announce("device_renamed", alice, device=phone, factor="totp", was=name)
    (message,) = mails
    told = message.body + visible(str(message.alternatives[0][0])) + message.subject
    assert not any(word in told for word in name.split() if not word.isalpha())
    assert name.split()[0] in told


@pytest.mark.parametrize("name", ["YubiKey 5 NFC", "Phone 2026", "Galaxy S24", "iPhone 15"])
def test_the_number_of_a_model_stays(committed, mails, alice, phone, name):
    phone.name = name
    with committed():
        events.announce("device_added", alice, device=phone, factor="totp")
    (message,) = mails
    assert name in message.body
