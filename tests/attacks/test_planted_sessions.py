"""Attack: know the key of a visitor's session before they give their password, and go on with their login."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.test_session_keys import spy_on
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]


@pytest.fixture
def victim():
    """A browser that has been given a session whose key the attacker knows."""
    victim = Client()
    session = victim.session
    session["planted"] = True
    session.save()
    victim.cookies["sessionid"] = session.session_key
    return victim


def test_who_planted_the_session_adds_no_first_device_to_the_login_that_waits_for_one(settings, victim, alice):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    attacker = spy_on(victim)
    response = give_password(victim, alice)
    assert response["Location"] == reverse("two-factor-enroll")
    attacker.get(reverse("two-factor-setup"))
    for device in TOTPDevice.objects.all():
        attacker.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    assert not is_logged_in(attacker)
    assert not TOTPDevice.objects.exists()


def test_who_planted_the_session_is_not_asked_for_the_second_factor_of_the_login(victim, alice, phone):
    attacker = spy_on(victim)
    give_password(victim, alice)
    assert is_pending(victim)
    assert attacker.get(reverse("two-factor-authenticate")).status_code == 302
    give_answer(attacker, code_of(phone))
    assert not is_logged_in(attacker)
    give_answer(victim, code_of(phone))
    assert is_logged_in(victim)
