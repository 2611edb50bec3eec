"""What every site has to be able to do. Run by ``tests/upgrade/test_sites.py``, once for each site."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, is_logged_in, is_pending, wrong_code_of

pytestmark = pytest.mark.django_db

SETUP = "/accounts/two-factor/setup/"
TOKENS = "/accounts/two-factor/backup-tokens/"
REMOVE = "/accounts/two-factor/remove/"


def give_password(client, user, query: str = ""):
    """Post the login form, by the name that the site's users go by."""
    return client.post(reverse("account_login") + query, {"login": user.get_username(), "password": PASSWORD})


def log_out(client) -> None:
    client.post(reverse("account_logout"))
    assert not is_logged_in(client)


def test_nothing_is_wrong_with_the_wiring():
    found = [message for message in run_checks() if message.level >= 30 and str(message.id).startswith("allauth_2fa")]
    assert [message.id for message in found if message.is_serious()] == []
    # An admin site that is left as it is deserves the warning.
    # So do the URLs of the headless API, where they are included without ours.
    assert {message.id for message in found} <= {"allauth_2fa.W005", "allauth_2fa.W026"}


def test_no_migration_is_missing():
    call_command("makemigrations", "allauth_2fa", check=True, dry_run=True, verbosity=0)


def test_a_user_without_a_device_logs_in(client, bob):
    give_password(client, bob)
    assert client.get("/").text == f"user: {bob}"


def test_a_user_with_a_device_logs_in_by_both_factors(client, alice, phone):
    response = give_password(client, alice, "?next=/somewhere/")
    assert parse_qs(urlsplit(response["Location"]).query) == {"next": ["/somewhere/"]}
    assert client.session["allauth_2fa_user_id"] == str(alice.pk)
    page = client.get(response["Location"])
    assert alice.get_username() in page.text
    assert give_answer(client, wrong_code_of(phone)).status_code == 200
    assert not is_logged_in(client)
    phone.throttle_reset()
    assert give_answer(client, code_of(phone))["Location"] == "/somewhere/"
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.get("/").wsgi_request.user.is_verified()


def test_a_whole_life_of_a_second_factor(client, alice, clock):
    give_password(client, alice)
    assert client.get(TOKENS)["Location"] == SETUP
    page = client.get(SETUP)
    assert "<svg" in page.text
    page = client.post(SETUP, {"otp_token": code_of(TOTPDevice.objects.get())}, follow=True)
    codes = [item.token for item in page.context["backup_tokens"]]
    assert all(code in page.text for code in codes)
    phone = TOTPDevice.objects.get(confirmed=True)
    log_out(client)

    clock.shift(60)
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    log_out(client)

    give_password(client, alice)
    give_answer(client, codes[0])
    assert client.get("/").text == f"user: {alice}"
    page = client.get(TOKENS)
    assert page.context["codes_left"] == len(codes) - 1

    clock.shift(301)
    response = client.post(TOKENS)
    assert urlsplit(response["Location"]).path == reverse("two-factor-reauthenticate")
    page = client.get(response["Location"])
    assert page.status_code == 200
    page = client.post(response["Location"], {"otp_token": code_of(phone)}, follow=True)
    assert page.status_code == 200

    clock.shift(60)
    response = client.post(REMOVE, {"otp_token": code_of(phone)})
    assert response["Location"] == SETUP
    assert not TOTPDevice.objects.exists()
    log_out(client)
    give_password(client, alice)
    assert is_logged_in(client)


def test_the_first_factor_and_the_removal_of_the_last_end_the_other_sessions(client, alice, clock):
    other = Client()
    give_password(other, alice)
    give_password(client, alice)
    clock.shift(1)
    client.get(SETUP)
    client.post(SETUP, {"otp_token": code_of(TOTPDevice.objects.get())})
    clock.shift(301)  # at once, where users have a last_login
    assert other.get("/").text == "user: AnonymousUser"
    phone = TOTPDevice.objects.get()
    give_password(other, alice)
    give_answer(other, code_of(phone))
    clock.shift(60)
    assert other.get("/").text == client.get("/").text == f"user: {alice}"
    assert client.post(REMOVE, {"otp_token": code_of(phone)})["Location"] == SETUP
    assert other.get("/").text == "user: AnonymousUser"
    assert client.get("/").text == f"user: {alice}"


def test_the_setup_names_the_site_and_the_account(client, alice):
    give_password(client, alice)
    facts = parse_qs(urlsplit(client.get(SETUP).context["otpauth_url"]).query)
    with_sites = apps.is_installed("django.contrib.sites")
    assert facts["issuer"] == (["example.com"] if with_sites else ["testserver"])
    assert alice.get_username().replace("@", "%40") in client.get(SETUP).context["otpauth_url"]


def test_rows_of_0x_go_on_working(client, alice, phone):
    TOTPDevice.objects.create(user=alice, confirmed=False)
    StaticDevice.objects.create(user=alice, name="backup").token_set.create(token="aaaa2345")
    give_password(client, alice)
    give_answer(client, "aaaa2345")
    assert is_logged_in(client)
    client.post(REMOVE, {"otp_token": code_of(phone)})
    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()


def test_another_page_cancels_the_login(client, alice, phone):
    give_password(client, alice)
    client.get("/")
    assert not is_pending(client)
    assert give_answer(client, code_of(phone))["Location"] == reverse("account_login")


def test_an_unknown_path_cancels_nothing(client, alice, phone):
    give_password(client, alice)
    assert client.get("/favicon.ico").status_code == 404
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_another_login_view_is_guarded(client, alice, phone):
    client.force_login(alice)
    assert not is_logged_in(client)
    give_answer(client, code_of(phone))
    assert client.get("/").text == f"user: {alice}"


def test_a_session_that_came_to_need_the_second_factor_is_led_to_the_challenge(client, alice, clock):
    give_password(client, alice)
    assert client.get("/").text == f"user: {alice}"
    phone = TOTPDevice.objects.create(user=alice, confirmed=True)
    clock.shift(301)
    response = client.get("/")
    assert urlsplit(response["Location"]).path == reverse("two-factor-authenticate")
    give_answer(client, code_of(phone))
    assert client.get("/").text == f"user: {alice}"


def test_a_test_client_can_be_verified(client, alice):
    login_verified(client, alice)
    assert client.get("/").text == f"user: {alice}"
    assert client.get(TOKENS).status_code == 200


def test_the_admin_opens_to_staff_by_both_factors(client, staff):
    if not apps.is_installed("django.contrib.admin"):
        # A site without an admin has no such login view, and must not grow one.
        assert client.get("/admin/").status_code == 404
        return
    phone = TOTPDevice.objects.create(user=staff, confirmed=True)
    page = client.get("/admin/", follow=True)
    form = {"username": staff.get_username(), "login": staff.get_username(), "password": PASSWORD}
    response = client.post(page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"], form)
    assert urlsplit(response["Location"]).path == reverse("two-factor-authenticate")
    response = give_answer(client, code_of(phone))
    page = client.get(response["Location"], follow=True)
    assert page.request["PATH_INFO"] == "/admin/"
    assert page.status_code == 200
