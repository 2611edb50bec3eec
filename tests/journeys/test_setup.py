"""Setting up the second factor."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode

import pytest
import time_machine
from django.contrib.sites.requests import RequestSite
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.forms import TOTPDeviceForm
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, wrong_code_of

pytestmark = pytest.mark.django_db

SETUP = "/accounts/two-factor/setup/"


@pytest.fixture
def at_setup(client, alice):
    """A browser at the setup page, just logged in."""
    give_password(client, alice)
    client.get(SETUP)
    return client


def waiting(user):
    return TOTPDevice.objects.get(user=user, confirmed=False)


def message_of(response):
    return response.context["form"].errors["otp_token"][0]


def test_one_secret_stays_until_it_is_used(at_setup, alice):
    first = waiting(alice)
    at_setup.get(SETUP)
    response = at_setup.post(SETUP, {"otp_token": wrong_code_of(first)})
    assert message_of(response).startswith("That code is not right.")
    assert response.context["secret"] == at_setup.get(SETUP).context["secret"]
    assert waiting(alice).key == first.key
    assert at_setup.post(SETUP, {"otp_token": code_of(first)}).status_code == 302


def test_another_secret_is_made_on_request(at_setup, alice):
    first = waiting(alice)
    assert at_setup.post(SETUP, {"action": "replace"})["Location"] == SETUP
    second = waiting(alice)
    assert (second.pk, second.key != first.key) == (first.pk, True)
    assert at_setup.post(SETUP, {"otp_token": code_of(first)}).status_code == 200
    assert at_setup.post(SETUP, {"otp_token": code_of(second)}).status_code == 302


def test_another_session_gets_another_secret(at_setup, alice):
    """A user who knew the password before the setup may have looked at the secret that waits."""
    first = waiting(alice)
    other = Client()
    give_password(other, alice)
    other.get(SETUP)
    assert waiting(alice).key != first.key
    response = at_setup.post(SETUP, {"otp_token": code_of(first)})
    assert message_of(response) == "A newer setup has replaced this one. Scan the code on this page."
    assert at_setup.post(SETUP, {"otp_token": code_of(waiting(alice))}).status_code == 302


def test_the_secret_is_shown_in_every_shape(at_setup, alice):
    device = waiting(alice)
    context = at_setup.get(SETUP).context
    assert "".join(context["secret_groups"]) == context["secret"]
    assert context["otpauth_url"] == f"otpauth://totp/example.com%3A%20alice?secret={context['secret']}&issuer=example.com"
    assert str(context["qr_code_svg"]).startswith("<svg")
    kind, _comma, data = str(context["qr_code_url"]).partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b64decode(data).startswith(b"<svg xmlns=")
    assert device.bin_key.hex() == device.key


def test_digits_and_period_that_are_not_the_defaults_are_in_the_uri(at_setup, alice):
    TOTPDevice.objects.filter(user=alice).update(digits=8, step=60)
    assert at_setup.get(SETUP).context["otpauth_url"].endswith("&digits=8&period=60")


@pytest.mark.parametrize(
    ("steps", "minutes"), [(8, "4 minutes"), (-8, "4 minutes"), (3, "2 minutes"), (-2, "1 minute"), (100, "50 minutes")]
)
def test_a_code_that_is_off_by_minutes_says_that_the_clock_is_off(at_setup, alice, steps, minutes):
    response = at_setup.post(SETUP, {"otp_token": code_of(waiting(alice), steps)})
    assert f"The clock of your device is off by about {minutes}." in message_of(response)


def test_the_issuer_is_the_host_without_its_port_where_there_are_no_sites(at_setup, alice, monkeypatch):
    monkeypatch.setattr("allauth_2fa.views.enrollment.get_current_site", RequestSite)
    context = at_setup.get(SETUP, headers={"Host": "shop.example:8000"}).context
    assert context["otpauth_url"].endswith("&issuer=shop.example")


def test_the_device_has_the_name_that_it_was_given(at_setup, alice):
    at_setup.post(SETUP, {"otp_token": code_of(waiting(alice)), "name": "Work phone"})
    assert TOTPDevice.objects.get(user=alice, confirmed=True).name == "Work phone"


def test_the_session_that_has_enrolled_is_verified_under_a_new_key(at_setup, alice):
    key = at_setup.session.session_key
    at_setup.post(SETUP, {"otp_token": code_of(waiting(alice))})
    device = TOTPDevice.objects.get(user=alice)
    assert at_setup.session["otp_device_id"] == device.persistent_id
    assert at_setup.session.session_key != key
    record = at_setup.session["account_authentication_methods"][-1]
    assert (record["method"], record["type"], record["id"]) == ("mfa", "totp", device.pk)


def test_the_enrollment_code_counts_as_used(at_setup, alice):
    code = code_of(waiting(alice))
    at_setup.post(SETUP, {"otp_token": code})
    other = Client()
    give_password(other, alice)
    assert message_of(give_answer(other, code)) == "That code was already used. Wait for the next one."
    assert not is_logged_in(other)


def test_a_post_without_a_get_shows_the_page(client, alice):
    give_password(client, alice)
    response = client.post(SETUP, {"otp_token": "123456"})
    assert response.status_code == 200
    assert waiting(alice)


def test_a_user_who_has_a_factor_is_led_on(client, alice, phone):
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert client.get(SETUP)["Location"] == reverse("two-factor-backup-tokens")


def test_two_waiting_devices_become_one(at_setup, alice):
    extra = TOTPDevice.objects.create(user=alice, confirmed=False)
    at_setup.get(SETUP)
    assert waiting(alice).pk != extra.pk


def test_a_device_that_is_deleted_during_setup_restarts_the_page(at_setup, alice):
    TOTPDevice.objects.filter(user=alice).delete()
    response = at_setup.post(SETUP, {"otp_token": "123456"})
    assert "A newer setup has replaced this one." in message_of(response)


def test_an_anonymous_visitor_goes_to_the_login_and_comes_back(client):
    assert client.get(SETUP)["Location"] == f"/accounts/login/?next={SETUP}"


def test_a_login_that_is_too_old_is_confirmed_by_the_password(client, alice):
    with time_machine.travel(dt.datetime.now(tz=dt.UTC), tick=False) as clock:
        give_password(client, alice)
        clock.shift(301)
        response = client.get(SETUP)
        assert response["Location"] == f"/accounts/reauthenticate/?next={SETUP}".replace("/setup/", "%2Fsetup%2F").replace(
            "=/accounts/two-factor", "=%2Faccounts%2Ftwo-factor"
        )
        assert client.post(response["Location"], {"password": PASSWORD})["Location"] == SETUP
        assert client.get(SETUP).status_code == 200


def test_a_user_without_a_password_logs_in_again(client, alice):
    alice.set_unusable_password()
    alice.save()
    client.force_login(alice)
    response = client.get(SETUP)
    assert response["Location"] == f"/accounts/login/?next={SETUP}"
    assert not is_logged_in(client)


def test_a_logged_in_session_without_any_record_proves_itself_first(client, alice):
    client.force_login(alice)
    assert client.get(SETUP)["Location"].startswith("/accounts/reauthenticate/")


def test_blanks_and_dashes_in_a_code_do_not_matter(at_setup, alice):
    code = code_of(waiting(alice))
    assert at_setup.post(SETUP, {"otp_token": f" {code[:3]} {code[3:]} "}).status_code == 302


def test_a_secret_that_was_swapped_between_check_and_save_is_not_confirmed(at_setup, alice, monkeypatch):
    code, check = code_of(waiting(alice)), TOTPDeviceForm._check

    def check_then_swap(form):
        device = check(form)
        TOTPDevice.objects.filter(pk=device.pk).update(key="00" * 20)
        return device

    monkeypatch.setattr(TOTPDeviceForm, "_check", check_then_swap)
    response = at_setup.post(SETUP, {"otp_token": code})
    assert "A newer setup has replaced this one." in message_of(response)
    assert not TOTPDevice.objects.filter(user=alice, confirmed=True).exists()


def test_a_setup_that_was_forced_leads_back_to_where_it_began(client, alice):
    give_password(client, alice)
    client.get(f"{SETUP}?next=/private/")
    response = client.post(f"{SETUP}?next=/private/", {"otp_token": code_of(waiting(alice))})
    assert response["Location"] == f"{reverse('two-factor-backup-tokens')}?next=%2Fprivate%2F"
    assert client.get(response["Location"]).context["next_url"] == "/private/"
    assert client.get("/accounts/two-factor/backup-tokens/?next=//evil.example/").context["next_url"] == "/"


def test_the_cursor_waits_in_the_codes_field_only_where_nothing_comes_before_it(at_setup):
    assert "autofocus" not in at_setup.get(SETUP).text
    assert at_setup.post(SETUP, {"otp_token": ""}).text.count("autofocus") == 1


def test_a_user_who_has_just_signed_up_sets_up_a_factor_without_giving_the_password_again(client, django_user_model):
    fields = {"username": "carol", "email": "carol@example.com", "password1": PASSWORD, "password2": PASSWORD}
    client.post(reverse("account_signup"), fields)
    assert is_logged_in(client)
    assert client.get(SETUP).status_code == 200
    assert waiting(django_user_model.objects.get(username="carol"))
