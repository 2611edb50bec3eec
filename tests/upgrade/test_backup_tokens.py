"""Recovery codes, which 0.x called backup tokens."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticToken

from tests.cast import give_answer, give_password, is_logged_in, log_in

pytestmark = pytest.mark.django_db

TOKENS = "/accounts/two-factor/backup-tokens/"


@pytest.fixture
def alices(client, alice, phone):
    """Alice's browser, just logged in by both factors."""
    log_in(client, alice, phone)
    return client


def shown(page) -> list[str]:
    return [item.token for item in page.context["backup_tokens"]] if page.context["reveal_tokens"] else []


def test_an_anonymous_visitor_goes_to_the_login_and_back(client):
    response = client.get(TOKENS)
    assert urlsplit(response["Location"]).path == reverse("account_login")
    assert parse_qs(urlsplit(response["Location"]).query) == {"next": [TOKENS]}


def test_a_user_without_a_device_goes_to_the_setup(client, bob):
    give_password(client, bob)
    assert client.get(TOKENS)["Location"] == reverse("two-factor-setup")
    assert client.post(TOKENS)["Location"] == reverse("two-factor-setup")


def test_there_are_none_before_they_are_made(alices):
    page = alices.get(TOKENS)
    assert not page.context["backup_tokens"]
    assert not shown(page)


def test_ten_are_made_and_shown(alices):
    page = alices.post(TOKENS)
    assert page.status_code == 200
    assert len(set(shown(page))) == 10
    assert all(token in page.text for token in shown(page))


def test_each_of_them_logs_in_once(alices, alice):
    tokens = shown(alices.post(TOKENS))
    for token in tokens:
        alices.post(reverse("account_logout"))
        give_password(alices, alice)
        give_answer(alices, token)
        assert is_logged_in(alices)
    alices.post(reverse("account_logout"))
    give_password(alices, alice)
    give_answer(alices, tokens[0])
    assert not is_logged_in(alices)


def test_new_ones_invalidate_the_old(alices, alice):
    old = shown(alices.post(TOKENS))
    new = shown(alices.post(TOKENS))
    assert not set(old) & set(new)
    alices.post(reverse("account_logout"))
    give_password(alices, alice)
    give_answer(alices, old[0])
    assert not is_logged_in(alices)
    give_answer(alices, new[0])
    assert is_logged_in(alices)


def test_new_ones_invalidate_those_that_0x_made(alices, alice, tokens):
    alices.post(TOKENS)
    alices.post(reverse("account_logout"))
    give_password(alices, alice)
    give_answer(alices, tokens[0])
    assert not is_logged_in(alices)
    assert not StaticToken.objects.exists()


def test_those_that_0x_made_are_no_longer_shown_unasked(alices, tokens):
    page = alices.get(TOKENS)
    assert page.context["backup_tokens"]
    assert not page.context["reveal_tokens"]
    assert not any(token in page.text for token in tokens)


def test_always_revealed_ones_are_shown_on_every_visit_as_in_0x(alices, settings):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    tokens = shown(alices.post(TOKENS))
    page = alices.get(TOKENS)
    assert shown(page) == tokens
    assert all(token in page.text for token in tokens)


def test_always_revealed_ones_are_static_tokens_as_in_0x(alices, alice, settings):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    tokens = shown(alices.post(TOKENS))
    device = alice.staticdevice_set.get(name="backup")
    assert sorted(device.token_set.values_list("token", flat=True)) == sorted(tokens)


def test_always_revealed_ones_keep_the_device_of_0x(alices, alice, tokens, settings):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    device = alice.staticdevice_set.get()
    assert not set(tokens) & set(shown(alices.post(TOKENS)))
    assert alice.staticdevice_set.get() == device


def test_those_that_0x_made_are_shown_where_they_are_always_revealed(alices, tokens, settings):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    assert sorted(shown(alices.get(TOKENS))) == sorted(tokens)
