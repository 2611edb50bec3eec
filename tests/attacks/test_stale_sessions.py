"""Attack: use a session from before the device was enrolled, or one that was verified by a device that is gone."""

from __future__ import annotations

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending, log_in, noted, plant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

NOON = 1_750_000_000


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def test_a_session_from_before_the_enrollment_is_caught_within_the_recheck_time(client, alice, clock):
    give_password(client, alice)
    assert who(client)["user"] == "alice"
    TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    assert who(client) == NOBODY
    assert not is_logged_in(client)
    assert is_pending(client)


@pytest.mark.parametrize("path", ["/who/", "/who-async/", "/", "/profile/{pk}/", "/members/", "/admin/", "/accounts/email/"])
@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_every_page_that_asks_for_the_user_leads_a_stale_session_to_the_challenge(client, alice, clock, path, method):
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    path = path.format(pk=alice.pk)
    response = getattr(client, method)(path)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    if method == "get":
        assert response["Location"] == reverse("two-factor-authenticate") + "?next=" + path.replace("/", "%2F")
    assert not is_logged_in(client)


def test_a_streamed_body_that_reads_the_user_after_the_middleware_sees_nobody(client, alice, clock):
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    response = client.get("/stream/")
    assert response.getvalue() == b"user: "


def test_options_and_an_unknown_path_show_nothing(client, alice, clock):
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    assert client.get("/no-such-page/").status_code == 404
    assert client.options("/members/").status_code == 302
    assert not is_logged_in(client)


def test_a_session_key_copied_to_another_browser_is_the_same_session(client, alice, clock):
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    thief = Client()
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    clock.shift(301)
    assert who(thief) == NOBODY
    assert who(client) == NOBODY


def test_a_clock_that_was_set_back_does_not_prolong_the_trust(client, alice, clock):
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    clock.shift(-3600)
    assert who(client) == NOBODY


def test_a_session_bound_to_a_removed_device_needs_the_new_one(client, alice, phone, clock):
    log_in(client, alice, phone)
    phone.delete()
    TOTPDevice.objects.create(user=alice)
    assert who(client) == NOBODY


def test_a_session_bound_to_a_device_that_is_no_longer_confirmed_needs_the_second_factor(client, alice, phone, clock):
    log_in(client, alice, phone)
    TOTPDevice.objects.create(user=alice)
    TOTPDevice.objects.filter(pk=phone.pk).update(confirmed=False)
    assert who(client) == NOBODY


def test_a_session_bound_to_a_device_that_was_given_to_another_user_needs_the_second_factor(client, alice, bob, phone, clock):
    log_in(client, alice, phone)
    TOTPDevice.objects.create(user=alice)
    TOTPDevice.objects.filter(pk=phone.pk).update(user=bob)
    assert who(client) == NOBODY


def test_the_checked_mark_of_one_user_says_nothing_about_another(client, alice, bob, phone, clock):
    give_password(client, bob)
    marked = client.session["allauth_2fa"]
    assert marked["checked_at"]
    session = client.session
    session["_auth_user_id"] = str(alice.pk)
    session["_auth_user_hash"] = alice.get_session_auth_hash()
    session["allauth_2fa"] = marked
    session.save()
    assert who(client) == NOBODY


@pytest.mark.parametrize(
    "garbage", [None, 1, "x", "ab", [], ["1"], {}, [None, None], ["1", "never"], ["1", 1e400], [["1"], 0], {"1": 0, "2": 0}]
)
def test_garbage_in_the_checked_mark_is_no_trust(client, alice, phone, garbage):
    log_in(client, alice, phone)
    session = client.session
    del session["otp_device_id"]
    session.save()
    plant(client, alice, checked_at=garbage)
    assert who(client) == NOBODY


def test_the_stale_session_goes_on_after_the_code(client, alice, clock):
    give_password(client, alice)
    device = TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    old_key = client.session.session_key
    response = client.get(f"/profile/{alice.pk}/")
    response = client.get(response["Location"])
    assert response.status_code == 200
    response = client.post(response.wsgi_request.get_full_path(), {"otp_token": code_of(device)})
    assert response["Location"] == f"/profile/{alice.pk}/"
    assert who(client)["user"] == "alice"
    assert client.session.session_key != old_key


def test_what_one_user_left_in_a_stopped_session_is_not_handed_to_the_next(client, alice, bob, clock):
    give_password(client, alice)
    session = client.session
    session["last_patient"] = "private"
    session.save()
    plant(client, alice, codes_pending=True)
    TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    client.get("/who/")
    client.get(reverse("account_login"))
    assert "last_patient" not in client.session
    give_password(client, bob)
    assert who(client)["user"] == "bob"
    assert "last_patient" not in client.session
    assert "codes_pending" not in noted(client)


def test_what_one_user_left_in_a_stopped_session_is_not_handed_to_the_next_without_leaving(client, alice, bob, clock):
    give_password(client, alice)
    session = client.session
    session["last_patient"] = "private"
    session.save()
    TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    client.get("/who/")
    give_password(client, bob)
    assert who(client)["user"] == "bob"
    assert "last_patient" not in client.session


def test_an_answer_in_one_browser_does_not_help_another(client, alice, phone):
    other = Client()
    give_password(client, alice)
    give_password(other, alice)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    assert not is_logged_in(other)
    give_answer(other, code_of(phone))
    assert not is_logged_in(other)
