"""What is typed, and what is read of it; which of a user's devices come first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.factors.base import LONGEST_ANSWER, Factor, clean_answer


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("123456", "123456"),
        (" 123 456\n", "123456"),
        ("123-456", "123456"),
        ("123\u00a0456", "123456"),  # a no-break space, as pages show codes
        ("\u0661\u0662\u0663\u0664\u0665\u0666", "123456"),  # Arabic-Indic
        ("\uff11\uff12\uff13\uff14\uff15\uff16", "123456"),  # full width
        ("\u0967\u0968\u0969\u096a\u096b\u096c", "123456"),  # Devanagari
        ("\u00b2", "2"),  # a raised two is a two
        ("\u216b", "XII"),  # a Roman numeral is letters
        ("abcd-EFGH", "abcdEFGH"),
        ("", ""),
        (" \t-\r\n", ""),
        ("1" * LONGEST_ANSWER, "1" * LONGEST_ANSWER),
        ("1" * (LONGEST_ANSWER + 1), ""),
        ("\ufdfa" * LONGEST_ANSWER, clean_answer("\ufdfa") * LONGEST_ANSWER),  # one symbol that stands for eighteen
        ("1" * 5_000, ""),
        ("\x00123456", "\x00123456"),
    ],
)
def test_an_answer_is_read_as_people_and_clipboards_give_it(typed, read):
    assert clean_answer(typed) == read


def test_a_cleaned_answer_stays_as_it_is():
    cleaned = clean_answer("\uff21b-\u0661 2")
    assert cleaned == "Ab12"
    assert clean_answer(cleaned) == cleaned


@pytest.mark.django_db
def test_the_last_used_device_comes_first_and_the_never_used_ones_last(alice, bob):
    now = timezone.now()
    used = {"old": now - timedelta(days=9), "new": now, "never": None, "nor this one": None}
    devices = {name: TOTPDevice.objects.create(user=alice, name=name, last_used_at=at) for name, at in used.items()}
    TOTPDevice.objects.create(user=alice, confirmed=False, last_used_at=now)
    TOTPDevice.objects.create(user=bob, last_used_at=now)
    assert list(registry.totp.devices(alice)) == [devices[name] for name in ("new", "old", "never", "nor this one")]


class Plain(Factor):
    """A factor with nothing but what a factor must have."""

    id = "plain"
    label = "plain"

    @property
    def model(self):
        return TOTPDevice

    def judge(self, device, answer):
        super().judge(device, answer)


def test_a_factor_of_the_projects_own_takes_any_shape_and_promises_nothing():
    factor, device = Plain(), TOTPDevice()
    assert factor.recognizes(device, "anything")
    assert not factor.accepts(device, "anything")
    assert not factor.is_interactive(device)
    assert not factor.sends_codes
    factor.ensure_may_send(device)
    factor.deliver(device)
    with pytest.raises(NotImplementedError):
        factor.complete(device, "anything")
