"""Attack: know the secret that somebody else is about to confirm, or confirm another one."""

from __future__ import annotations

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import PASSWORD, code_of, give_password, log_in

pytestmark = pytest.mark.django_db

SETUP = "two-factor-setup"


@pytest.fixture
def mallory(alice):
    """A browser of somebody who knows Alice's password, from before she has a factor."""
    client = Client()
    give_password(client, alice)
    return client


def secret_of(client):
    """Return what the setup page shows."""
    return client.get(reverse(SETUP)).context["secret"]


def test_a_user_who_knew_the_password_before_does_not_see_the_secret_that_is_confirmed(client, alice, mallory):
    seen = {secret_of(mallory)}
    give_password(client, alice)
    confirmed = secret_of(client)
    device = TOTPDevice.objects.get()
    code = code_of(device)
    assert confirmed not in seen
    seen.add(secret_of(mallory))
    assert confirmed not in seen
    client.post(reverse(SETUP), {"otp_token": code})
    if TOTPDevice.objects.get().confirmed:  # else the owner was told that the setup was replaced, and begins again
        assert TOTPDevice.objects.get().key == device.key
    assert mallory.get(reverse(SETUP)).context is None or TOTPDevice.objects.get().key != device.key


def test_mallorys_secret_is_not_confirmed_by_alices_post(client, alice, mallory):
    give_password(client, alice)
    secret_of(client)
    code = code_of(TOTPDevice.objects.get())
    secret_of(mallory)
    response = client.post(reverse(SETUP), {"otp_token": code})
    assert response.status_code == 200
    assert not TOTPDevice.objects.get().confirmed


def test_a_confirmed_device_keeps_its_secret_whatever_is_posted(client, alice, phone):
    log_in(client, alice, phone)
    for data in ({"action": "replace"}, {"otp_token": "123456"}, {}):
        assert client.post(reverse(SETUP), data).status_code == 302
    phone.refresh_from_db()
    assert phone.confirmed
    assert TOTPDevice.objects.count() == 1


def test_the_secret_is_shown_on_no_later_page_and_not_after_a_stale_authentication(client, alice):
    with time_machine.travel(1_750_000_005, tick=False) as clock:
        give_password(client, alice)
        secret = secret_of(client)
        clock.shift(301)
        response = client.get(reverse(SETUP))
        assert response.status_code == 302
        clock.shift(-301)
        client.post(reverse(SETUP), {"otp_token": code_of(TOTPDevice.objects.get())})
        key = TOTPDevice.objects.get().key
        for page in (SETUP, "two-factor-backup-tokens", "two-factor-remove", "two-factor-reauthenticate", "account_email"):
            html = client.get(reverse(page), follow=True).text.replace(" ", "")
            assert secret not in html
            assert key not in html


def test_recovery_codes_are_shown_once_and_not_after_a_stale_authentication(client, alice, phone):
    with time_machine.travel(1_750_000_005, tick=False) as clock:
        log_in(client, alice, phone)
        url = reverse("two-factor-backup-tokens")
        codes = [item.token for item in client.post(url).context["backup_tokens"]]
        assert not any(code in client.get(url).text for code in codes)
        clock.shift(301)
        for method in (client.get, client.post):
            response = method(url)
            assert response.status_code == 302
            assert response["Location"].startswith(reverse("two-factor-reauthenticate"))


def test_the_password_alone_does_not_refresh_the_authentication_of_somebody_with_a_factor(client, alice, phone):
    with time_machine.travel(1_750_000_005, tick=False) as clock:
        log_in(client, alice, phone)
        clock.shift(301)
        client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
        assert client.get(reverse("two-factor-backup-tokens")).status_code == 302
