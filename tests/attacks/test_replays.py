"""Attack: give a code a second time, anywhere."""

from __future__ import annotations

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from tests.cast import code_of, give_answer, give_password, is_logged_in, log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock():
    with time_machine.travel(1_750_000_005, tick=False) as traveller:
        yield traveller


def tries(code, alice):
    """Give the code at a login of another browser, and return whether it opened it."""
    client = Client()
    give_password(client, alice)
    give_answer(client, code)
    return is_logged_in(client)


def test_a_code_that_logged_in_opens_no_other_browser_not_even_within_the_tolerance(client, alice, phone, clock):
    code = code_of(phone)
    log_in(client, alice, phone)
    for _step in range(4):
        assert not tries(code, alice)
        clock.shift(30)
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)


def test_an_older_code_is_dead_after_a_newer_one(client, alice, phone, clock):
    older = code_of(phone, -1)
    log_in(client, alice, phone)
    assert not tries(older, alice)


def test_the_enrollment_code_does_not_log_in(client, alice, clock):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get(user=alice)
    code = code_of(device)
    client.post(reverse("two-factor-setup"), {"otp_token": code})
    device.refresh_from_db()
    assert device.confirmed
    assert not tries(code, alice)
    response = client.post(reverse("two-factor-remove"), {"otp_token": code})
    assert response.status_code == 200
    assert TOTPDevice.objects.filter(user=alice).exists()


def test_the_login_code_neither_confirms_nor_removes(client, alice, phone, clock):
    log_in(client, alice, phone)
    code = code_of(phone)
    session = client.session
    records = [entry for entry in session["account_authentication_methods"] if entry["method"] != "mfa"]
    session["account_authentication_methods"] = records
    session.save()
    client.post(reverse("two-factor-reauthenticate"), {"otp_token": code})
    assert not [entry for entry in client.session["account_authentication_methods"] if entry["method"] == "mfa"]
    client.post(reverse("two-factor-remove"), {"otp_token": code})
    assert TOTPDevice.objects.filter(user=alice).exists()


def test_a_code_given_at_the_reauthentication_does_not_log_in(client, alice, phone, clock):
    log_in(client, alice, phone)
    clock.shift(60)
    code = code_of(phone)
    assert client.post(reverse("two-factor-reauthenticate"), {"otp_token": code}).status_code == 302
    assert not tries(code, alice)


def test_a_spent_recovery_code_is_dead_in_every_spelling(client, alice, phone):
    code = registry.recovery.renew(alice, 1)[0]
    assert tries(code, alice)
    for spelling in (code, code.upper(), code.replace("-", ""), f" {code} ", code.replace("0", "o").replace("1", "I")):
        assert not tries(spelling, alice)


def test_a_spent_static_token_is_dead_in_every_spelling(client, alice, phone):
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    assert tries("ABCD-EFGH", alice)
    assert not tries("abcdefgh", alice)


def test_renewed_codes_invalidate_the_old_ones_of_both_kinds(client, alice, phone, settings):
    old = registry.recovery.renew(alice, 1)[0]
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    log_in(client, alice, phone)
    client.post(reverse("two-factor-backup-tokens"))
    assert not tries(old, alice)
    assert not tries("abcdefgh", alice)
    new = registry.recovery.renew(alice, 1)[0]
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    client.post(reverse("two-factor-backup-tokens"))
    assert not tries(new, alice)


def test_the_codes_of_a_removed_factor_do_not_come_back_with_the_next_one(client, alice, phone):
    old = registry.recovery.renew(alice, 1)[0]
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    log_in(client, alice, phone)
    TOTPDevice.objects.update(last_t=-1)
    client.post(reverse("two-factor-remove"), {"otp_token": code_of(phone)})
    assert not TOTPDevice.objects.exists()
    TOTPDevice.objects.create(user=alice)
    assert not tries(old, alice)
    assert not tries("abcdefgh", alice)
