"""Attack: stop the cache server in which it is counted how many codes are sent, and have many sent."""

from __future__ import annotations

import pytest
from django.core import mail
from django.urls import reverse

from allauth_2fa.testing import login_verified
from tests.cast import give_password, is_logged_in, is_pending
from tests.pager.models import Beeper

pytestmark = pytest.mark.django_db

UNDELIVERED = "We could not send the code."


@pytest.fixture
def _dead(settings):
    settings.CACHES = {"default": {"BACKEND": "tests.dead_cache.DeadCache"}}


@pytest.fixture
def beeper(alice, settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "pager.beeper", "recovery_codes"]
    Beeper.sent.clear()
    return Beeper.objects.create(user=alice, name="Beeper")


@pytest.mark.usefixtures("_dead")
def test_a_device_whose_codes_nobody_can_count_sends_none(client, alice, beeper):
    assert give_password(client, alice).status_code == 302
    page = client.post(reverse("two-factor-authenticate"), {"action": "send", "device": beeper.persistent_id})
    assert page.status_code == 200
    assert UNDELIVERED in page.text
    assert Beeper.sent == []
    assert is_pending(client)
    assert not is_logged_in(client)


@pytest.mark.usefixtures("_dead")
def test_a_device_with_a_cooldown_of_its_own_sends(client, alice, mailbox):
    give_password(client, alice)
    assert len(mail.outbox) == 1


@pytest.mark.usefixtures("_dead")
def test_a_new_number_is_sent_nothing(verified, gateway):
    page = verified.post(reverse("two-factor-add", args=["sms"]), {"action": "begin", "number": "+447700900142"})
    assert page.status_code == 200
    assert UNDELIVERED in page.text
    assert gateway.sent == []


def test_with_the_cache_alive_both_are_sent(client, alice, beeper, phone, gateway, settings):
    settings.ALLAUTH_2FA_FACTORS = ["pager.beeper", "sms", "totp"]
    give_password(client, alice)
    assert len(Beeper.sent) == 1
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-add", args=["sms"]), {"action": "begin", "number": "+447700900142"})
    assert len(gateway.sent) == 1
