"""Attack: guess."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.exceptions import Refused
from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryDevice
from tests.cast import code_of, give_answer, give_password, is_logged_in, log_in, wrong_code_of

pytestmark = pytest.mark.django_db


def outcome(device, answer):
    """Judge an answer by a copy of the device that was read before, and tell what came of it."""
    try:
        registry.totp.judge(device, answer)
    except Refused as refusal:
        return refusal.code
    return "accepted"


def test_the_right_code_is_not_taken_while_the_device_is_throttled(client, alice, phone):
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    give_answer(client, code_of(phone))
    assert not is_logged_in(client)
    other = Client()
    give_password(other, alice)
    give_answer(other, code_of(phone))
    assert not is_logged_in(other)


def test_of_many_guesses_that_were_read_at_once_one_is_judged(alice, phone):
    wrong, right = wrong_code_of(phone), code_of(phone)
    copies = [TOTPDevice.objects.get(pk=phone.pk) for _guess in range(8)]
    outcomes = [outcome(copy, wrong) for copy in copies[:-1]] + [outcome(copies[-1], right)]
    assert outcomes == ["refused"] + ["throttled"] * 7
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 1


def test_of_many_right_answers_that_were_read_at_once_one_is_accepted(alice, phone):
    copies = [TOTPDevice.objects.get(pk=phone.pk) for _guess in range(8)]
    outcomes = [outcome(copy, code_of(phone)) for copy in copies]
    assert outcomes == ["accepted"] + ["used"] * 7


def test_a_code_of_the_wrong_length_is_a_guess_too(client, alice, phone):
    give_password(client, alice)
    give_answer(client, "12345")
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 1


def test_a_new_login_or_a_new_browser_does_not_reset_the_count(client, alice, phone):
    for failures in (1, 2, 3):
        browser = Client()
        give_password(browser, alice)
        TOTPDevice.objects.update(throttling_failure_timestamp="2020-01-01T00:00:00Z")
        give_answer(browser, wrong_code_of(phone))
        phone.refresh_from_db()
        assert phone.throttling_failure_count == failures


def test_an_answer_of_digits_is_for_the_app_and_never_a_static_token_beside_it(client, alice, phone):
    tokens = StaticDevice.objects.create(user=alice).token_set
    tokens.create(token="24681357")
    give_password(client, alice)
    for chosen in ({}, {"device": phone.persistent_id}):
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
        give_answer(client, "2468 1357", **chosen)
        phone.refresh_from_db()
        assert phone.throttling_failure_count == 1
    assert not is_logged_in(client)
    assert tokens.exists()


def test_wrong_static_tokens_throttle_their_device(client, alice, phone):
    tokens = StaticDevice.objects.create(user=alice).token_set
    tokens.create(token="abcdefgh")
    give_password(client, alice)
    give_answer(client, "wrongone")
    give_answer(client, "abcdefgh")
    assert not is_logged_in(client)
    assert tokens.exists()


def test_recovery_codes_stay_usable_while_the_app_is_throttled(client, alice, phone):
    code = registry.recovery.renew(alice, 1)[0]
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    give_answer(client, code)
    assert is_logged_in(client)


def test_recovery_codes_without_a_salt_refuse_and_do_not_break(client, alice, phone):
    RecoveryDevice.objects.create(user=alice)
    give_password(client, alice)
    response = give_answer(client, "abcd-efgh-jkmn-pqrs")
    assert response.status_code == 200
    assert not is_logged_in(client)


def test_a_wrong_recovery_code_costs_one_hash_run(client, alice, phone, monkeypatch):
    registry.recovery.renew(alice, 1)
    runs = []
    digest = RecoveryDevice.digest
    monkeypatch.setattr(RecoveryDevice, "digest", lambda self, code: runs.append(1) or digest(self, code))
    give_password(client, alice)
    give_answer(client, "abcd-efgh-jkmn-pqrs")
    assert len(runs) == 1


def test_the_reauthentication_is_throttled_like_the_login(client, alice, phone):
    log_in(client, alice, phone)
    TOTPDevice.objects.update(last_t=-1)
    for page in ("two-factor-reauthenticate", "two-factor-remove"):
        client.post(reverse(page), {"otp_token": wrong_code_of(phone)})
        assert client.post(reverse(page), {"otp_token": code_of(phone)}).status_code == 200
    assert TOTPDevice.objects.filter(user=alice).exists()


def test_the_reauthentication_has_allauths_own_limit_too(client, alice, phone, settings):
    settings.ACCOUNT_RATE_LIMITS = {"reauthenticate": "3/m/user"}
    log_in(client, alice, phone)
    answers = [client.post(reverse("two-factor-reauthenticate"), {"otp_token": "1"}).status_code for _try in range(4)]
    assert answers[-1] == 429


def test_an_unused_code_in_a_refusal_does_not_say_what_would_have_been_right(client, alice, phone):
    give_password(client, alice)
    response = give_answer(client, code_of(phone, +5))
    assert "code was right" not in response.text
    assert "off by" not in response.text
