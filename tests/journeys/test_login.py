"""Logging in."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending, wrong_code_of

pytestmark = pytest.mark.django_db


def test_a_user_without_a_factor_logs_in_by_password_alone(client, bob):
    response = give_password(client, bob)
    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(bob.pk)


def test_a_user_with_a_factor_logs_in_by_password_and_code(client, alice, phone):
    response = give_password(client, alice)
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    assert not is_logged_in(client)
    assert is_pending(client)
    page = client.get(response["Location"])
    assert page.status_code == 200
    assert "form" in page.context
    response = give_answer(client, code_of(phone))
    assert response.status_code == 302, response.context["form"].errors
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.session["otp_device_id"] == phone.persistent_id
    assert "allauth_2fa_user_id" not in client.session


def test_a_wrong_code_opens_nothing_and_loses_nothing(client, alice, phone):
    give_password(client, alice)
    response = give_answer(client, wrong_code_of(phone))
    assert response.status_code == 200
    assert response.context["form"].errors["otp_token"]
    assert not is_logged_in(client)
    assert is_pending(client)


def test_a_new_factor_is_set_up_and_recovery_codes_are_shown_once(client, alice):
    give_password(client, alice)
    page = client.get(reverse("two-factor-setup"))
    assert page.status_code == 200
    device = TOTPDevice.objects.get(user=alice)
    response = client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    assert response.status_code == 302, response.context["form"].errors
    page = client.get(response["Location"])
    codes = [item.token for item in page.context["backup_tokens"]]
    assert len(codes) == 10
    page = client.get(reverse("two-factor-backup-tokens"))
    assert codes[0] not in page.text
    assert page.context["codes_left"] == 10
    client.logout()
    give_password(client, alice)
    response = give_answer(client, codes[0].upper())
    assert response.status_code == 302, response.context["form"].errors
    assert is_logged_in(client)
    client.logout()
    give_password(client, alice)
    assert "was already used" in str(give_answer(client, codes[0]).context["form"].errors)
    client.post(reverse("two-factor-authenticate"), {"otp_token": codes[1]})
    page = client.get(reverse("two-factor-remove"))
    assert page.status_code == 200
    response = client.post(reverse("two-factor-remove"), {"otp_token": codes[2]})
    assert response.status_code == 302, response.context["form"].errors
    assert not TOTPDevice.objects.filter(user=alice).exists()


def test_guard(client, alice, phone):
    client.force_login(alice)
    assert not is_logged_in(client)
    assert is_pending(client)
    client.cookies["allauth_2fa_pending"] = "1"


def test_admin_login_view(client, staff):
    phone = TOTPDevice.objects.create(user=staff, name="x")
    response = client.post("/admin/login/?next=/admin/auth/user/", {"username": "staff", "password": PASSWORD})
    assert response.status_code == 302
    assert response["Location"] == reverse("two-factor-authenticate") + "?next=%2Fadmin%2Fauth%2Fuser%2F"
    response = give_answer(client, code_of(phone))
    assert response["Location"] == "/admin/auth/user/"
    assert client.get(response["Location"]).status_code == 200
