"""Attack: pass our stage before there is a factor, wait at a stage that comes after it, and come out when there is one."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.test_other_login_views import NOBODY, who
from tests.browsers.cast import leave
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending, noted, wrong_code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]


@pytest.fixture(autouse=True)
def _later(settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"


@pytest.fixture
def waiting(client, alice):
    """A browser in which Alice's password was given before she had a factor, and which waits at the later stage."""
    response = give_password(client, alice)
    assert response["Location"] == "/later/"
    return client


def enroll(user):
    """Set up an app for the user elsewhere."""
    return TOTPDevice.objects.create(user=user)


def test_a_factor_that_came_meanwhile_is_asked_for_at_the_last_gate(waiting, alice):
    enroll(alice)
    response = waiting.post("/later/")
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    assert not is_logged_in(waiting)
    assert is_pending(waiting)
    assert who(waiting) == NOBODY


def test_its_code_finishes_the_login_without_the_later_stage_being_asked_twice(waiting, alice):
    app = enroll(alice)
    waiting.post("/later/")
    response = give_answer(waiting, code_of(app))
    assert response["Location"] != "/later/"
    assert who(waiting)["user"] == "alice"
    assert waiting.session["otp_device_id"] == app.persistent_id
    assert not is_pending(waiting)


def test_a_wrong_code_does_not(waiting, alice):
    app = enroll(alice)
    waiting.post("/later/")
    give_answer(waiting, wrong_code_of(app))
    assert not is_logged_in(waiting)


def test_the_later_stage_alone_does_not_open_it_the_second_time_either(waiting, alice):
    enroll(alice)
    waiting.post("/later/")
    waiting.post("/later/")
    waiting.get("/later/")
    assert not is_logged_in(waiting)
    assert who(waiting) == NOBODY


def test_a_device_that_was_answered_for_is_not_asked_for_again(client, alice, phone):
    give_password(client, alice)
    give_answer(client, code_of(phone))
    TOTPDevice.objects.create(user=alice)
    client.post("/later/")
    assert who(client)["user"] == "alice"


def test_recovery_codes_that_came_meanwhile_are_no_factor(waiting, alice):
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    waiting.post("/later/")
    assert who(waiting)["user"] == "alice"


def test_a_user_whose_factor_was_deleted_is_logged_in(waiting, alice):
    app = enroll(alice)
    app.delete()
    waiting.post("/later/")
    assert who(waiting)["user"] == "alice"


def test_another_users_factor_is_none_of_its_business(waiting, bob):
    enroll(bob)
    waiting.post("/later/")
    assert who(waiting)["user"] == "alice"


def test_a_login_that_the_guard_had_stopped_for_a_first_device_is_asked_at_the_last_gate(client, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD})
    assert not is_logged_in(client)
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    assert client.get(reverse("two-factor-enroll"))["Location"] == "/later/"
    app = enroll(alice)
    assert client.post("/later/")["Location"].startswith(reverse("two-factor-authenticate"))
    assert who(client) == NOBODY
    give_answer(client, code_of(app))
    assert who(client)["user"] == "alice"


def test_a_trusted_browser_needs_no_code_at_the_last_stage_as_at_the_first(client, alice, phone, settings):
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
    give_password(client, alice)
    give_answer(client, code_of(phone), trust="on")
    client.post("/later/")
    leave(client)
    TOTPDevice.objects.update(confirmed=False)
    give_password(client, alice)
    TOTPDevice.objects.update(confirmed=True)
    client.post("/later/")
    assert who(client)["user"] == "alice"
    assert noted(client)["trust"]
