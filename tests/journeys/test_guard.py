"""The guard: whichever login view a session came in by, it shows its user only after the second factor that it needs."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.contrib.auth import login
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.cookies import PENDING_COOKIE
from allauth_2fa.factors import registry
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, drop, give_answer, give_password, is_logged_in, is_pending
from tests.urls import WHAT_THE_VIEW_SAW

pytestmark = pytest.mark.django_db

CHALLENGE = "/accounts/two-factor/authenticate/"
SCRIPT = {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}
PAGE = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def staff_phone(staff):
    return TOTPDevice.objects.create(user=staff, name="Staff phone")


def admin_login(client, staff, **extra):
    return client.post("/admin/login/?next=/admin/auth/user/", {"username": staff.username, "password": PASSWORD}, **extra)


def enroll_elsewhere(user):
    """Confirm a device in another session than the client's."""
    return TOTPDevice.objects.create(user=user, name="Phone", confirmed=True)


def age_session(client, seconds):
    """Let the session believe that it was looked at that long ago."""
    session = client.session
    session["allauth_2fa"]["checked_at"] -= seconds
    session.save()


def test_a_login_through_the_admin_is_led_to_the_challenge_and_from_there_to_where_it_wanted_to_go(client, staff, staff_phone):
    response = admin_login(client, staff)
    assert response.status_code == 302
    assert response["Location"] == f"{CHALLENGE}?next=%2Fadmin%2Fauth%2Fuser%2F"
    assert not is_logged_in(client)
    assert is_pending(client)
    response = give_answer(client, code_of(staff_phone))
    assert response["Location"] == "/admin/auth/user/"
    assert client.get("/admin/auth/user/").status_code == 200
    assert client.session["otp_device_id"] == staff_phone.persistent_id


@pytest.mark.parametrize("login_view", ["/logins/django/", "/logins/home-made/"])
def test_a_login_through_any_other_login_view_is_led_to_the_challenge(client, alice, phone, login_view):
    response = client.post(f"{login_view}?next=/private/", {"username": alice.username, "password": PASSWORD})
    assert response["Location"] == f"{CHALLENGE}?next=%2Fprivate%2F"
    response = give_answer(client, code_of(phone))
    assert response["Location"] == "/private/"
    assert "alice" in client.get("/private/").text


def test_the_view_that_logged_in_sees_nobody_afterwards(client, alice, phone, bob):
    client.post("/logins/home-made/", {"username": alice.username, "password": PASSWORD})
    assert WHAT_THE_VIEW_SAW == ["AnonymousUser", None]
    client.post("/logins/home-made/", {"username": bob.username, "password": PASSWORD})
    assert ["bob", str(bob.pk)] == WHAT_THE_VIEW_SAW


def test_a_script_that_logs_in_gets_a_refusal_that_names_the_flow(client, alice, phone):
    response = client.post("/logins/home-made/", {"username": alice.username, "password": PASSWORD}, headers=SCRIPT)
    assert response.status_code == 403
    body = response.json()
    assert body["data"]["flows"] == [{"id": "mfa_authenticate", "is_pending": True, "url": CHALLENGE}]
    assert body["meta"] == {"is_authenticated": False}
    response = give_answer(client, code_of(phone))
    assert response.status_code == 302
    assert is_logged_in(client)


def test_a_login_elsewhere_of_a_user_without_a_factor_is_left_alone(client, staff):
    response = admin_login(client, staff)
    assert response["Location"] == "/admin/auth/user/"
    assert client.get("/admin/").status_code == 200


def test_force_login_of_a_user_with_a_factor_leaves_a_pending_login(client, alice, phone):
    client.force_login(alice)
    assert not is_logged_in(client)
    assert is_pending(client)
    assert give_answer(client, code_of(phone)).status_code == 302
    assert is_logged_in(client)


def test_force_login_of_a_user_without_a_factor_works(client, bob):
    client.force_login(bob)
    assert "bob" in client.get("/").text


def test_a_session_that_came_to_need_the_second_factor_is_caught_within_the_recheck_time(client, alice):
    give_password(client, alice)
    assert "alice" in client.get("/").text
    phone = enroll_elsewhere(alice)
    assert "alice" in client.get("/").text
    age_session(client, 300)
    response = client.get("/?page=2")
    assert response["Location"] == f"{CHALLENGE}?next=%2F%3Fpage%3D2"
    assert not is_logged_in(client)
    response = give_answer(client, code_of(phone))
    assert response["Location"] == "/?page=2"
    assert "alice" in client.get("/").text


def test_the_recheck_time_is_the_settings(client, alice, settings):
    settings.ALLAUTH_2FA_GUARD_RECHECK = 0
    give_password(client, alice)
    assert "alice" in client.get("/").text
    enroll_elsewhere(alice)
    assert client.get("/").status_code == 302


def test_a_session_from_before_the_package_was_installed_is_caught_at_once(client, alice):
    give_password(client, alice)
    session = client.session
    del session["allauth_2fa"]["checked_at"]
    session.save()
    enroll_elsewhere(alice)
    assert client.get("/")["Location"].startswith(CHALLENGE)


def test_a_script_of_a_session_that_needs_the_second_factor_is_refused(client, alice):
    give_password(client, alice)
    enroll_elsewhere(alice)
    age_session(client, 300)
    response = client.get("/", headers=SCRIPT)
    assert response.status_code == 403
    assert response["Content-Type"] == "application/json"


def test_a_form_of_a_session_that_needs_the_second_factor_leads_back_to_its_page(client, alice):
    give_password(client, alice)
    enroll_elsewhere(alice)
    age_session(client, 300)
    response = client.post("/", headers=PAGE | {"Referer": "http://testserver/form/?a=1"})
    assert response["Location"] == f"{CHALLENGE}?next=http%3A%2F%2Ftestserver%2Fform%2F%3Fa%3D1"


def test_a_foreign_referer_is_nowhere_to_go_back_to(client, alice):
    give_password(client, alice)
    enroll_elsewhere(alice)
    age_session(client, 300)
    response = client.post("/", headers=PAGE | {"Referer": "https://evil.example/"})
    assert response["Location"] == CHALLENGE


def test_a_session_whose_device_was_removed_goes_on_without_it(client, alice, phone):
    login_verified(client, alice, phone)
    drop(TOTPDevice.objects.all())
    assert "alice" in client.get("/").text
    assert "otp_device_id" not in client.session


def test_a_session_bound_to_a_device_that_is_no_longer_confirmed_needs_the_second_factor(client, alice, phone):
    other = TOTPDevice.objects.create(user=alice, name="Other", confirmed=True)
    login_verified(client, alice, phone)
    TOTPDevice.objects.filter(pk=phone.pk).update(confirmed=False)
    assert client.get("/")["Location"].startswith(CHALLENGE)
    give_answer(client, code_of(other))
    assert "alice" in client.get("/").text


def test_logout_stays_open_to_a_session_that_needs_the_second_factor(client, alice):
    give_password(client, alice)
    enroll_elsewhere(alice)
    age_session(client, 300)
    response = client.post(reverse("account_logout"))
    assert response["Location"] == "/"
    assert not is_logged_in(client)
    assert not is_pending(client)


def test_the_challenge_stays_open_to_a_session_that_needs_the_second_factor(client, alice):
    give_password(client, alice)
    phone = enroll_elsewhere(alice)
    age_session(client, 300)
    response = client.get(CHALLENGE)
    assert response.status_code == 200
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_what_other_middleware_put_on_the_response_survives(client, alice):
    give_password(client, alice)
    enroll_elsewhere(alice)
    age_session(client, 300)
    response = client.get("/cookie/")
    assert response["Location"].startswith(CHALLENGE)
    assert response.cookies["taste"].value == "sweet"
    assert response.cookies[PENDING_COOKIE].value == "1"


def test_the_other_data_of_the_session_survive(client, alice):
    give_password(client, alice)
    session = client.session
    session["cart"] = ["apples"]
    session.save()
    enroll_elsewhere(alice)
    age_session(client, 300)
    client.get("/")
    assert client.session["cart"] == ["apples"]


def test_a_host_can_exempt_a_request(client, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.journeys.adapters.ExemptingAdapter"
    client.force_login(alice)
    assert is_logged_in(client)
    assert "alice" in client.get("/").text


def test_recovery_codes_alone_are_no_factor(client, alice):
    registry.recovery.renew(alice, 3)
    give_password(client, alice)
    assert is_logged_in(client)


def test_the_authentication_back_end_of_the_login_view_is_kept(client, alice, phone):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    give_answer(client, code_of(phone))
    assert client.session["_auth_user_backend"] == "django.contrib.auth.backends.ModelBackend"


def test_a_back_end_that_the_project_no_longer_has_is_not(client, alice, phone, settings):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    settings.AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
    give_answer(client, code_of(phone))
    assert client.session["_auth_user_backend"] == "allauth.account.auth_backends.AuthenticationBackend"


def test_e_mail_verification_applies_to_foreign_login_views_too(client, alice, phone, settings, mailoutbox):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    response = client.post("/logins/django/?next=/private/", {"username": alice.username, "password": PASSWORD})
    assert response["Location"] == reverse("account_email_verification_sent")
    assert len(mailoutbox) == 1
    assert not is_logged_in(client)


def test_login_by_code_applies_to_foreign_login_views_too(client, alice, phone, settings, mailoutbox):
    settings.ACCOUNT_LOGIN_BY_CODE_REQUIRED = True
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    alice.emailaddress_set.create(email=alice.email, verified=True, primary=True)
    response = client.post("/logins/django/?next=/private/", {"username": alice.username, "password": PASSWORD})
    assert response["Location"] == reverse("account_confirm_login_code")
    code = next(line for line in mailoutbox[0].body.splitlines() if "-" in line and len(line) < 12)
    response = client.post(reverse("account_confirm_login_code"), {"code": code})
    assert response["Location"].startswith(CHALLENGE)
    response = give_answer(client, code_of(phone))
    assert response["Location"] == "/private/"
    assert is_logged_in(client)


def test_a_login_by_django_otps_own_form_counts(alice, phone, rf):
    request = rf.get("/")
    request.session, request.user = SessionStore(), AnonymousUser()
    alice.otp_device = phone
    login(request, alice, backend="django.contrib.auth.backends.ModelBackend")
    assert request.session["otp_device_id"] == phone.persistent_id
    assert request.session["_auth_user_id"] == str(alice.pk)


def test_a_login_by_somebody_elses_device_does_not(alice, phone, bob, rf):
    request = rf.get("/")
    request.session, request.user = SessionStore(), AnonymousUser()
    alice.otp_device = TOTPDevice.objects.create(user=bob)
    login(request, alice, backend="django.contrib.auth.backends.ModelBackend")
    assert "_auth_user_id" not in request.session
    assert request.user.is_anonymous


def test_an_unknown_path_stays_a_plain_404(client, alice, phone):
    login_verified(client, alice, phone)
    assert client.get("/no/such/page/").status_code == 404
    assert Client().get("/no/such/page/").status_code == 404


def test_a_pending_login_ends_after_allauths_timeout(client, alice, phone):
    with time_machine.travel(dt.datetime.now(tz=dt.UTC), tick=False) as clock:
        give_password(client, alice)
        clock.shift(901)
        response = give_answer(client, code_of(phone))
        assert response["Location"] == reverse("account_login")
        assert not is_logged_in(client)
