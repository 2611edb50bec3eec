"""Attack: on a site with signed-cookie sessions, send an old session again."""

from __future__ import annotations

import pytest
import time_machine
from django.core import signing
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import code_of, give_answer, give_password, is_logged_in, log_in, noted, wrong_code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]


@pytest.fixture(autouse=True)
def _cookies(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"


@pytest.fixture
def clock():
    with time_machine.travel(1_750_000_005, tick=False) as traveller:
        yield traveller


def replay(cookie):
    """Return a browser with the old session."""
    client = Client()
    client.cookies["sessionid"] = cookie
    return client


def test_a_replayed_pending_login_gives_no_second_try_and_no_second_use_of_a_code(client, alice, phone, clock):
    give_password(client, alice)
    cookie = client.cookies["sessionid"].value
    give_answer(client, wrong_code_of(phone))
    thief = replay(cookie)
    give_answer(thief, code_of(phone))
    assert not is_logged_in(thief)
    TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    thief = replay(cookie)
    give_answer(thief, code_of(phone))
    assert not is_logged_in(thief)


def test_a_replayed_pending_login_dies_with_its_time_and_with_the_password(client, alice, phone, clock):
    give_password(client, alice)
    cookie = client.cookies["sessionid"].value
    clock.shift(901)
    thief = replay(cookie)
    give_answer(thief, code_of(phone))
    assert not is_logged_in(thief)
    clock.shift(-901)
    alice.set_password("another one")
    alice.save()
    thief = replay(cookie)
    give_answer(thief, code_of(phone))
    assert not is_logged_in(thief)


def test_a_replayed_mark_of_a_session_that_needed_nothing_is_not_prolonged(client, alice, clock):
    give_password(client, alice)
    cookie = client.cookies["sessionid"].value
    TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    for _try in range(3):
        assert who(replay(cookie)) == NOBODY


def test_a_replayed_promise_of_recovery_codes_needs_a_fresh_authentication(client, alice, clock):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get()
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    cookie = client.cookies["sessionid"].value
    assert noted(client)["codes_pending"]
    clock.shift(301)
    response = replay(cookie).get(reverse("two-factor-backup-tokens"))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("two-factor-reauthenticate"))


def test_a_replayed_setup_does_not_see_the_secret_of_a_later_one(client, alice, clock):
    give_password(client, alice)
    mine = client.get(reverse("two-factor-setup")).context["secret"]
    cookie = client.cookies["sessionid"].value
    owner = Client()
    give_password(owner, alice)
    theirs = owner.get(reverse("two-factor-setup")).context["secret"]
    assert theirs != mine
    assert replay(cookie).get(reverse("two-factor-setup")).context["secret"] not in {mine, theirs}


def test_a_session_that_was_logged_out_and_is_replayed_proves_nothing_again(client, alice, phone, clock):
    log_in(client, alice, phone)
    cookie = client.cookies["sessionid"].value
    client.logout()
    TOTPDevice.objects.all().delete()
    TOTPDevice.objects.create(user=alice)
    assert who(replay(cookie)) == NOBODY


def test_no_secret_and_no_code_stands_in_the_cookie(client, alice, clock):
    give_password(client, alice)
    secret = client.get(reverse("two-factor-setup")).context["secret"]
    device = TOTPDevice.objects.get()
    code = code_of(device)
    content = str(signing.loads(client.cookies["sessionid"].value, salt="django.contrib.sessions.backends.signed_cookies"))
    assert secret not in content
    assert device.key not in content
    client.post(reverse("two-factor-setup"), {"otp_token": code})
    codes = [item.token for item in client.get(reverse("two-factor-backup-tokens")).context["backup_tokens"]]
    content = str(signing.loads(client.cookies["sessionid"].value, salt="django.contrib.sessions.backends.signed_cookies"))
    assert not any(text in content for text in (*codes, code, device.key))


def test_a_replayed_pending_login_gives_nothing_back_to_the_budget(client, alice, phone, clock, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    give_password(client, alice)
    cookie = client.cookies["sessionid"].value
    judged = [give_answer(replay(cookie), wrong_code_of(phone)).text.count("That code is not right") for _ in range(8)]
    assert judged == [1] * 5 + [0] * 3
    thief = replay(cookie)
    give_answer(thief, code_of(phone))
    assert not is_logged_in(thief)


def test_a_replayed_cookie_of_a_browser_is_known_no_longer(client, alice, phone, clock, settings):
    """Rotated by the next login: neither the old session nor the old value counts."""
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    log_in(client, alice, phone)
    old = client.cookies["allauth_2fa_browser"].value
    clock.shift(60)
    del client.cookies["sessionid"]
    phone.refresh_from_db()
    log_in(client, alice, phone)
    stranger = Client()
    give_password(stranger, alice)
    for _ in range(5):
        give_answer(stranger, wrong_code_of(phone))
    thief = Client()
    thief.cookies["allauth_2fa_browser"] = old
    give_password(thief, alice)
    clock.shift(60)
    give_answer(thief, code_of(phone))
    assert not is_logged_in(thief)
