"""Hardware tokens that count."""

from __future__ import annotations

import pytest
from django.test import Client
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice

from allauth_2fa.exceptions import NothingEnrolled
from allauth_2fa.factors import registry
from tests.cast import give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(alice):
    return HOTPDevice.objects.create(user=alice, name="Token", key="3132333435363738393031323334353637383930")


def shown_at(token, counter):
    return str(oath.hotp(token.bin_key, counter, token.digits)).zfill(token.digits)


def message_of(response):
    return response.context["form"].errors["otp_token"][0]


def test_the_codes_of_rfc_4226_open_the_login_once_each(client, alice, token):
    for code in ("755224", "287082", "359152"):
        give_password(client, alice)
        assert give_answer(client, code).status_code == 302
        client.logout()
    give_password(client, alice)
    give_answer(client, "359152")
    assert not is_logged_in(client)


def test_codes_ahead_are_taken_within_the_tolerance(client, alice, token):
    give_password(client, alice)
    assert give_answer(client, shown_at(token, token.tolerance)).status_code == 302
    token.refresh_from_db()
    assert token.counter == token.tolerance + 1


def test_a_token_that_ran_ahead_is_taken_up_by_two_codes_in_a_row(client, alice, token):
    give_password(client, alice)
    response = give_answer(client, shown_at(token, 40))
    assert message_of(response).endswith("enter two consecutive codes.")
    HOTPDevice.objects.update(throttling_failure_count=0)
    assert give_answer(client, f"{shown_at(token, 41)} {shown_at(token, 42)}").status_code == 302
    token.refresh_from_db()
    assert token.counter == 43


@pytest.mark.parametrize("pair", [(41, 43), (42, 41), (41, 41), (150, 151)])
def test_two_codes_that_do_not_follow_one_another_open_nothing(client, alice, token, pair):
    give_password(client, alice)
    give_answer(client, "".join(shown_at(token, at) for at in pair))
    assert not is_logged_in(client)
    token.refresh_from_db()
    assert (token.counter, token.throttling_failure_count) == (0, 1)


def test_a_throttled_token_compares_no_pairs(client, alice, token):
    give_password(client, alice)
    give_answer(client, shown_at(token, 90))
    response = give_answer(client, shown_at(token, 41) + shown_at(token, 42))
    assert "You can try again in" in message_of(response)
    token.refresh_from_db()
    assert token.counter == 0


def test_another_users_token_opens_nothing(client, alice, phone, bob, token):
    theirs = HOTPDevice.objects.create(user=bob, name="Bob's")
    give_password(client, alice)
    give_answer(client, shown_at(theirs, 0), device=theirs.persistent_id)
    assert not is_logged_in(client)
    theirs.refresh_from_db()
    assert theirs.counter == 0


def test_of_two_browsers_with_one_code_one_gets_in(alice, token):
    browsers = [Client(), Client()]
    for browser in browsers:
        give_password(browser, alice)
    for browser in browsers:
        give_answer(browser, shown_at(token, 0))
    assert [is_logged_in(browser) for browser in browsers] == [True, False]


def test_letters_are_no_codes_of_a_token(token):
    factor = registry.factor_of(token)
    assert not factor.accepts(token, "abcdef")
    assert not factor.recognizes(token, "12345")


def test_a_token_that_was_taken_away_meanwhile_judges_nothing(token):
    HOTPDevice.objects.all().delete()
    with pytest.raises(NothingEnrolled):
        registry.factor_of(token).judge(token, "755224")
