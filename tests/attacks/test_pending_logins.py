"""Attack: do something with a login that waits for its second factor, or finish it after it has lost its ground."""

from __future__ import annotations

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

MANAGE = ["two-factor-setup", "two-factor-backup-tokens", "two-factor-remove", "two-factor-reauthenticate"]
ALLAUTH = ["account_email", "account_change_password", "account_reauthenticate", "account_set_password"]


@pytest.mark.parametrize("page", [*MANAGE, *ALLAUTH])
@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Dest": "empty"}])
def test_a_pending_login_opens_no_page_of_the_account(client, alice, phone, page, headers):
    give_password(client, alice)
    before = TOTPDevice.objects.count()
    for method in (client.get, client.post):
        response = method(reverse(page), headers=headers)
        assert response.status_code == 302
        assert reverse("account_login") in response["Location"]
    assert TOTPDevice.objects.count() == before


def test_the_code_of_mallorys_app_does_not_finish_alices_login(client, alice, phone, bob):
    mallorys = TOTPDevice.objects.create(user=bob)
    give_password(client, alice)
    for fields in ({}, {"device": mallorys.persistent_id}, {"device": phone.persistent_id}):
        give_answer(client, code_of(mallorys), **fields)
        assert not is_logged_in(client)


def test_mallorys_pending_login_is_not_finished_as_alice(client, alice, phone, bob):
    mallorys = TOTPDevice.objects.create(user=bob)
    give_password(client, bob)
    give_answer(client, "")
    give_password(client, alice)
    give_answer(client, code_of(mallorys))
    assert not is_logged_in(client)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    give_answer(client, code_of(phone))
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.session["otp_device_id"] == phone.persistent_id


@pytest.mark.parametrize("loss", ["password", "inactive", "deleted", "device", "unconfirmed", "time"])
def test_a_login_that_has_lost_its_ground_is_not_finished_and_does_not_loop(client, alice, phone, loss):
    with time_machine.travel(1_750_000_000, tick=False) as clock:
        give_password(client, alice)
        code = code_of(phone)
        match loss:
            case "password":
                alice.set_password("another one")
                alice.save()
            case "inactive":
                type(alice).objects.update(is_active=False)
            case "deleted":
                alice.delete()
            case "device":
                phone.delete()
            case "unconfirmed":
                TOTPDevice.objects.update(confirmed=False)
            case "time":
                clock.shift(901)
                code = code_of(phone)
        fetched = Client()
        fetched.cookies["sessionid"] = client.cookies["sessionid"].value
        response = give_answer(fetched, code)
        assert not is_logged_in(fetched)
        assert response.status_code == 302
        response = client.get(reverse("two-factor-authenticate"))
        assert response["Location"] == reverse("account_login")
        assert client.get(response["Location"]).status_code == 200
        assert not is_pending(client)


def test_a_device_that_goes_between_the_answer_and_a_later_stage_does_not_count(client, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(client, alice)
    response = give_answer(client, code_of(phone))
    assert response["Location"] == "/later/"
    assert not is_logged_in(client)
    phone.delete()
    client.post("/later/")
    assert not is_logged_in(client)


@pytest.mark.parametrize("loss", ["password", "inactive", "deleted"])
def test_a_login_that_loses_its_ground_between_the_answer_and_a_later_stage_is_not_finished(client, alice, phone, settings, loss):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(client, alice)
    give_answer(client, code_of(phone))
    if loss == "password":
        alice.set_password("another one")
        alice.save()
    elif loss == "inactive":
        type(alice).objects.update(is_active=False)
    else:
        alice.delete()
    client.raise_request_exception = False  # allauth asserts that there is a user
    client.post("/later/")
    assert not is_logged_in(client)
    assert who(client) == NOBODY


def test_a_login_whose_device_stays_is_finished_after_a_later_stage_and_verified(client, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(client, alice)
    give_answer(client, code_of(phone))
    client.post("/later/")
    assert client.session["otp_device_id"] == phone.persistent_id
    assert who(client)["user"] == "alice"


def test_the_later_stage_is_not_reached_past_the_challenge(client, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(client, alice)
    client.post("/later/", headers={"Sec-Fetch-Dest": "empty"})
    assert not is_logged_in(client)


def test_a_failed_answer_does_not_prolong_the_login(client, alice, phone):
    with time_machine.travel(1_750_000_000, tick=False) as clock:
        give_password(client, alice)
        clock.shift(890)
        give_answer(client, "000000")
        clock.shift(20)
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
        give_answer(client, code_of(phone))
        assert not is_logged_in(client)


def test_a_factor_that_is_removed_in_another_browser_meanwhile_ends_the_login_and_does_not_wave_it_through(client, alice, phone):
    other = Client()
    log_in(other, alice, phone)
    give_password(client, alice)
    TOTPDevice.objects.update(last_t=-1)
    other.post(reverse("two-factor-remove"), {"otp_token": code_of(phone)})
    assert not TOTPDevice.objects.exists()
    give_answer(client, "123456")
    assert not is_logged_in(client)


def test_recovery_codes_that_outlive_the_app_do_not_finish_a_login(client, alice, phone):
    device = StaticDevice.objects.create(user=alice)
    device.token_set.create(token="abcdefgh")
    give_password(client, alice)
    phone.delete()
    give_answer(client, "abcdefgh")
    assert not is_logged_in(client)
    assert device.token_set.count() == 1


def test_an_image_or_a_script_does_not_cancel_and_does_not_finish_a_login(client, alice, phone):
    give_password(client, alice)
    for destination in ("image", "serviceworker", "empty", "iframe"):
        client.get("/", headers={"Sec-Fetch-Dest": destination})
    assert is_pending(client)
    assert not is_logged_in(client)


def test_without_the_marker_cookie_a_pending_login_is_still_no_login(client, alice, phone):
    give_password(client, alice)
    del client.cookies["allauth_2fa_pending"]
    assert who(client) == NOBODY
    assert client.get("/members/").status_code == 302


def test_a_forged_marker_cookie_opens_nothing(client, alice, phone):
    client.cookies["allauth_2fa_pending"] = "1"
    assert client.get(reverse("two-factor-authenticate"))["Location"] == reverse("account_login")
    assert give_answer(client, code_of(phone))["Location"] == reverse("account_login")
    assert not is_logged_in(client)


def test_the_key_of_0x_planted_in_a_session_opens_nothing(client, alice, phone):
    session = client.session
    session["allauth_2fa_user_id"] = str(alice.pk)
    session["allauth_2fa_login"] = {}
    session.save()
    give_answer(client, code_of(phone))
    assert not is_logged_in(client)


def test_another_users_login_ends_the_pending_one(client, alice, phone, bob):
    give_password(client, alice)
    client.force_login(bob, "django.contrib.auth.backends.ModelBackend")
    assert who(client)["user"] == "bob"
    assert not is_pending(client)
    assert "account_login" not in client.session
    assert "allauth_2fa_user_id" not in client.session
