"""Attack: have a POST that waits for a reauthentication done for somebody else, or without the answer."""

from __future__ import annotations

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryCode
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in, wrong_code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

CODES = "two-factor-backup-tokens"
REAUTHENTICATE = "two-factor-reauthenticate"


@pytest.fixture
def clock():
    with time_machine.travel(1_750_000_005, tick=False) as traveller:
        yield traveller


@pytest.fixture
def waiting(client, alice, phone, clock):
    """Alice's browser, in which making new codes waits for her answer."""
    log_in(client, alice, phone)
    clock.shift(301)
    response = client.post(reverse(CODES))
    assert response["Location"].startswith(reverse(REAUTHENTICATE))
    assert not RecoveryCode.objects.exists()
    return response["Location"]


def test_the_answer_resumes_the_post(client, phone, waiting):
    response = client.post(waiting, {"otp_token": code_of(phone)})
    assert response.status_code == 200
    assert RecoveryCode.objects.count() == 10


def test_a_wrong_code_resumes_nothing(client, phone, waiting):
    client.post(waiting, {"otp_token": wrong_code_of(phone)})
    assert not RecoveryCode.objects.exists()


def test_the_password_resumes_nothing(client, waiting):
    client.post(reverse("account_reauthenticate") + "?next=" + reverse(CODES), {"password": PASSWORD})
    assert not RecoveryCode.objects.exists()


def test_another_user_in_the_same_browser_does_not_resume_it(client, bob, waiting):
    tablet = TOTPDevice.objects.create(user=bob)
    log_in(client, bob, tablet)
    TOTPDevice.objects.update(last_t=-1)
    client.post(waiting, {"otp_token": code_of(tablet)})
    assert not RecoveryCode.objects.exists()


def test_another_user_does_not_resume_it_when_the_guard_has_stopped_the_first(client, alice, bob, phone, waiting, clock):
    tablet = TOTPDevice.objects.create(user=bob)
    phone.delete()
    TOTPDevice.objects.create(user=alice)
    client.get("/who/", headers={"Sec-Fetch-Dest": "empty"})
    log_in(client, bob, tablet)
    clock.shift(60)
    client.post(waiting, {"otp_token": code_of(tablet)})
    assert not RecoveryCode.objects.exists()


def test_another_browser_does_not_resume_it(alice, phone, waiting, clock):
    other = Client()
    log_in(other, alice, phone)
    clock.shift(60)
    other.post(waiting, {"otp_token": code_of(phone)})
    assert not RecoveryCode.objects.exists()


def test_a_resumed_post_is_judged_by_what_holds_then(client, alice, phone, waiting, clock):
    code = code_of(phone)
    TOTPDevice.objects.update(confirmed=False)
    client.post(waiting, {"otp_token": code})
    assert not RecoveryCode.objects.exists()


def test_the_users_own_view_is_not_reachable_through_a_forged_next(client, phone, waiting):
    response = client.post(reverse(REAUTHENTICATE) + "?next=/accounts/two-factor/remove/", {"otp_token": code_of(phone)})
    assert response["Location"] == "/accounts/two-factor/remove/"
    assert not RecoveryCode.objects.exists()
    assert TOTPDevice.objects.exists()


def test_it_is_resumed_once(client, phone, waiting, clock):
    first = client.post(waiting, {"otp_token": code_of(phone)})
    clock.shift(60)
    second = client.post(waiting, {"otp_token": code_of(phone)})
    assert (first.status_code, second["Location"]) == (200, reverse(CODES))
    assert RecoveryCode.objects.filter(device__user=phone.user).count() == 10
    shown = [str(code) for code in first.context["backup_tokens"]]
    client.logout()
    give_password(client, phone.user)
    give_answer(client, shown[0])
    assert is_logged_in(client)


def test_a_post_that_was_given_up_is_not_done_by_a_look_at_its_page(client, phone, waiting):
    look = client.get(reverse(CODES))
    assert look["Location"] == waiting
    response = client.post(look["Location"], {"otp_token": code_of(phone)})
    assert response["Location"] == reverse(CODES)
    assert not RecoveryCode.objects.exists()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "GET"])
@pytest.mark.parametrize("page", [CODES, "two-factor-setup", "two-factor-remove"])
def test_another_method_does_nothing_before_the_answer_nor_after_it(client, alice, phone, clock, method, page):
    log_in(client, alice, phone)
    if page == "two-factor-setup":
        TOTPDevice.objects.all().delete()
    for age in (301, 0):
        clock.shift(age)
        response = client.generic(method, reverse(page), "otp_token=000000&action=replace", "application/x-www-form-urlencoded")
        assert response.status_code in {200, 302, 405}
        assert "account_reauthentication_state" not in client.session
        if age and page == CODES:
            assert response["Location"].startswith(reverse(REAUTHENTICATE))
            client.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone)})
    assert not RecoveryCode.objects.exists()
    assert TOTPDevice.objects.filter(confirmed=True).exists() == (page != "two-factor-setup")
