"""Recovery codes that are stored as digests."""

from __future__ import annotations

import re

import django_otp
import pytest
from django.contrib.auth import hashers
from django.db import IntegrityError
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.exceptions import RecoveryCodeRefused, RecoveryCodeUsed
from allauth_2fa.factors.registry import recovery
from allauth_2fa.models import ALPHABET, ITERATIONS, RecoveryCode, RecoveryDevice, normalize_recovery_code
from allauth_2fa.models import recovery as recovery_models

from .conftest import NOON, before_each

pytestmark = pytest.mark.django_db


@pytest.fixture
def codes(alice):
    """Alice's recovery codes."""
    return recovery.renew(alice, 3)


@pytest.fixture
def device(alice, codes):
    """The device that judges them."""
    return RecoveryDevice.objects.get(user=alice)


@pytest.fixture
def known_code(device):
    """A code of Alice's in which the symbols stand that people take for others."""
    RecoveryCode.objects.create(device=device, digest=device.digest("0123456789abcdef"))
    return "0123-4567-89ab-cdef"


@pytest.fixture
def hash_runs(monkeypatch):
    """Count the hash runs; each is the real one."""
    runs = []

    def pbkdf2(*args, **kwargs):
        runs.append(args)
        return real(*args, **kwargs)

    real = hashers.pbkdf2
    monkeypatch.setattr(hashers, "pbkdf2", pbkdf2)
    return runs


# What they are


def test_codes_have_eighty_bits_and_can_be_read_aloud(alice):
    codes = recovery.renew(alice, 10)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"(?:[0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", code) for code in codes)
    assert len(set(ALPHABET)) == 32
    assert not set("ilou") & set(ALPHABET)


def test_only_salted_digests_are_stored(alice, monkeypatch):
    # As many as on a site: the other tests make do with less.
    monkeypatch.setattr(recovery_models, "ITERATIONS", ITERATIONS)
    codes = recovery.renew(alice, 3)
    device = RecoveryDevice.objects.get()
    digests = list(device.codes.values_list("digest", flat=True))
    assert len(digests) == 3
    for code in codes:
        plain = normalize_recovery_code(code)
        assert not any(plain in digest or code in digest for digest in digests)
        assert sum(hashers.PBKDF2PasswordHasher().verify(plain, digest) for digest in digests) == 1
    assert ITERATIONS >= 100_000
    assert all(digest.startswith(f"pbkdf2_sha256${ITERATIONS}${device.salt}$") for digest in digests)


def test_the_same_code_of_two_people_is_stored_differently(alice, bob):
    recovery.renew(alice, 1)
    recovery.renew(bob, 1)
    one, other = RecoveryDevice.objects.all()
    assert one.salt != other.salt
    assert one.digest("0123456789abcdef") != other.digest("0123456789abcdef")


def test_a_code_is_named_without_being_told(device):
    code = device.codes.first()
    assert str(code) == f"recovery code {code.pk}"


def test_a_user_has_one_device_of_them(alice, device):
    with pytest.raises(IntegrityError):
        RecoveryDevice.objects.create(user=alice, name="another")


def test_recovery_codes_are_no_factor_of_their_own(alice, device):
    assert not recovery.primary
    assert list(recovery.devices(alice)) == [device]


# How they are judged


def test_each_code_counts_once(clock, alice, codes, device):
    for left, code in zip((2, 1, 0), codes, strict=True):
        recovery.judge(device, code)
        assert device.codes_left() == recovery.unused(alice).count() == left
    assert set(device.codes.values_list("used_at", flat=True)) == {NOON}
    assert RecoveryDevice.objects.get().last_used_at == device.last_used_at == NOON
    for code in codes:
        with pytest.raises(RecoveryCodeUsed):
            recovery.judge(device, code)


@pytest.mark.parametrize(
    "typed",
    [
        "0123-4567-89ab-cdef",
        "0123456789abcdef",
        "0123-4567-89AB-CDEF",
        " 0123 4567 89ab cdef\n",
        "o123-4567-89ab-cdef",
        "OI23-4567-89AB-CDEF",
        "0l23-4567-89ab-cdef",
        "0123\u20104567\u201389ab\u2014cdef",  # dashes as word processors make them
        "0123.4567.89ab.cdef",
        "\uff10\uff11\uff12\uff13-4567-89\uff41b-cdef",  # full width
        "\u20600123-4567-89ab-cdef\ufeff",  # invisible symbols that copying brings along
    ],
)
def test_a_code_is_read_however_it_is_typed(device, known_code, typed):
    assert recovery.recognizes_text(typed)
    recovery.judge(device, typed)
    with pytest.raises(RecoveryCodeUsed):
        recovery.judge(device, known_code)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "123456",
        "0123-4567-89ab-cde",
        "0123-4567-89ab-cdef0",
        "0123-4567-89ab-cdeu",  # no such symbol
        "\u0660123-4567-89ab-cdef",  # a digit, of another script
        "0123-4567-89ab-cde\u00e9",
        "----",
        "\x00" * 16,
        "0123456789abcdef" * 300,
    ],
)
def test_what_has_not_the_shape_of_a_code_is_refused_unhashed(device, known_code, hash_runs, typed):
    assert not recovery.recognizes_text(typed)
    with pytest.raises(RecoveryCodeRefused):
        recovery.judge(device, typed)
    assert not device.verify_token(typed)
    assert hash_runs == []
    assert device.codes_left() == 4


def test_a_try_costs_one_hash_run_whatever_comes_of_it(codes, device, hash_runs):
    recovery.judge(device, codes[0])
    assert len(hash_runs) == 1
    with pytest.raises(RecoveryCodeUsed):
        recovery.judge(device, codes[0])
    assert len(hash_runs) == 2
    with pytest.raises(RecoveryCodeRefused):
        recovery.judge(device, "0000-0000-0000-0000")
    assert len(hash_runs) == 3
    assert device.verify_token(codes[1])
    assert len(hash_runs) == 4


def test_of_two_who_have_read_the_same_row_one_spends_the_code(codes, device):
    ours, theirs = RecoveryDevice.objects.get(), RecoveryDevice.objects.get()
    faster = before_each("UPDATE", RecoveryCode._meta.db_table, lambda: recovery.judge(theirs, codes[0]))
    with faster, pytest.raises(RecoveryCodeUsed):
        recovery.judge(ours, codes[0])
    assert device.codes_left() == 2


def test_a_device_that_was_deleted_meanwhile_judges_nothing(codes, device):
    faster = before_each("UPDATE", RecoveryCode._meta.db_table, RecoveryDevice.objects.get().delete)
    with faster, pytest.raises(RecoveryCodeRefused):
        recovery.judge(device, codes[0])


def test_wrong_codes_throttle_nothing(codes, device):
    for _ in range(20):
        with pytest.raises(RecoveryCodeRefused):
            recovery.judge(device, "0000-0000-0000-0000")
    recovery.judge(device, codes[0])


def test_anothers_codes_open_nothing(device, bob):
    for code in recovery.renew(bob, 2):
        with pytest.raises(RecoveryCodeRefused):
            recovery.judge(device, code)
    assert recovery.unused(bob).count() == 2


def test_a_device_without_a_salt_judges_nothing(bob, hash_runs):
    made_elsewhere = RecoveryDevice.objects.create(user=bob, name="made in the admin")
    with pytest.raises(RecoveryCodeRefused):
        recovery.judge(made_elsewhere, "0123-4567-89ab-cdef")
    assert not made_elsewhere.verify_token("0123-4567-89ab-cdef")
    assert hash_runs == []


def test_codes_of_an_unconfirmed_device_are_not_counted(alice, device):
    RecoveryDevice.objects.update(confirmed=False)
    assert recovery.unused(alice).count() == 0
    assert not recovery.devices(alice).exists()


# django-otp's own login view


def test_django_otp_can_judge_them_too(alice, codes, device):
    assert django_otp.verify_token(alice, device.persistent_id, codes[0].upper()) == device
    assert django_otp.verify_token(alice, device.persistent_id, codes[0]) is None
    assert django_otp.verify_token(alice, device.persistent_id, "nonsense") is None
    assert device.codes_left() == 2


def test_django_otp_does_not_take_anothers(bob, codes, device):
    assert django_otp.verify_token(bob, device.persistent_id, codes[0]) is None
    assert device.codes_left() == 3


# Renewal


def test_renewed_codes_invalidate_the_old_ones_used_or_not(alice, codes, device):
    recovery.judge(device, codes[0])
    fresh = recovery.renew(alice, 5)
    renewed = RecoveryDevice.objects.get(user=alice)
    assert renewed.pk == device.pk
    assert renewed.salt != device.salt
    for row in (device, renewed):
        for code in codes:
            with pytest.raises(RecoveryCodeRefused):
                recovery.judge(row, code)
    assert recovery.unused(alice).count() == 5
    recovery.judge(renewed, fresh[0])


def test_a_user_who_read_the_device_before_it_was_renewed_is_refused_the_new_codes(alice, device):
    fresh = recovery.renew(alice, 1)
    with pytest.raises(RecoveryCodeRefused):
        recovery.judge(device, fresh[0])
    assert recovery.unused(alice).count() == 1


def test_renewal_brings_a_device_back_that_was_set_aside(alice, device):
    RecoveryDevice.objects.update(confirmed=False)
    recovery.renew(alice, 2)
    assert recovery.unused(alice).count() == 2


def test_renewal_leaves_other_people_and_other_devices_alone(alice, bob, phone):
    theirs = recovery.renew(bob, 1)
    recovery.renew(alice, 3)
    assert recovery.unused(bob).count() == 1
    assert TOTPDevice.objects.get() == phone
    recovery.judge(RecoveryDevice.objects.get(user=bob), theirs[0])
