"""Passkeys after the password: at the challenge, before a change, at the removal."""

from __future__ import annotations

import html

import pytest
from allauth.account.adapter import get_adapter
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from allauth_2fa.answers import verify
from allauth_2fa.exceptions import PasskeyExpired, PasskeyRefused
from allauth_2fa.factors import registry
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending, wrong_code_of
from tests.passkeys.authenticator import Authenticator, text_of

from .conftest import JSON, PROVE, options_from

pytestmark = pytest.mark.django_db

REMOVE = "two-factor-remove"
REAUTHENTICATE = "two-factor-reauthenticate"


def answers_in(client):
    records = client.session["account_authentication_methods"]
    return [record["type"] for record in records if record["method"] == "mfa"]


# The challenge


def test_a_user_whose_only_factor_is_a_passkey_is_asked_for_it_and_gets_in_by_it(client, alice, passkey, authenticator):
    assert give_password(client, alice)["Location"].startswith(reverse(PROVE))
    page = client.get(reverse(PROVE))
    assert "Confirm it's you" in html.unescape(page.text)
    assert "Use your passkey <strong>Laptop</strong>." in page.text
    assert "Don't have your passkey?" in page.text
    assert "Recovery code" in page.text
    response = give_answer(client, authenticator.get(options_from(client, PROVE)))
    assert (response.status_code, response["Location"]) == (302, "/")
    user = client.get("/private/").wsgi_request.user
    assert user.is_verified()
    assert user.otp_device == passkey
    assert answers_in(client) == ["webauthn"]


def test_the_options_name_the_confirmed_passkeys_of_the_user_and_no_others(client, alice, bob, passkey, authenticator):
    Authenticator().enroll(bob)
    Authenticator().enroll(alice, confirmed=False)
    give_password(client, alice)
    options = options_from(client, PROVE)
    assert [entry["id"] for entry in options["allowCredentials"]] == [text_of(authenticator.id)]
    assert options["rpId"] == "example.com"
    assert options["userVerification"] == "discouraged"
    assert options["timeout"] == 300_000


def test_a_user_without_a_passkey_is_given_no_options(client, alice, phone):
    Authenticator().enroll(alice, confirmed=False)
    give_password(client, alice)
    response = client.post(reverse(PROVE), {"action": "passkey"}, **JSON)
    assert response.status_code == 409
    assert response.json()["code"] == "nothing"


def test_beside_an_app_the_passkey_comes_first_and_the_code_still_works(client, alice, phone, passkey):
    give_password(client, alice)
    page = client.get(reverse(PROVE))
    assert page.text.index("Use your passkey") < page.text.index("Enter the 6-digit code from <strong>Work phone</strong>")
    assert [device["name"] for device in page.context["devices"]] == ["Work phone"]
    assert [device["name"] for device in page.context["passkeys"]] == ["Laptop"]
    assert "device" not in page.context["form"].fields
    assert not page.context["form"].fields["otp_token"].widget.attrs["autofocus"]
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_two_passkeys_are_both_named_and_either_answers(client, alice, passkey, authenticator):
    spare = Authenticator()
    spare.enroll(alice, name="")
    give_password(client, alice)
    page = client.get(reverse(PROVE)).text
    assert "<strong>Laptop</strong>," in page
    assert "<strong>passkey or security key</strong>." in page
    give_answer(client, spare.get(options_from(client, PROVE)))
    assert is_logged_in(client)


def test_one_without_a_name_is_called_a_passkey(client, alice, authenticator):
    authenticator.enroll(alice, name="")
    give_password(client, alice)
    assert "Use your passkey." in client.get(reverse(PROVE)).text


def test_a_user_who_has_two_apps_and_a_passkey_chooses_between_the_apps(client, alice, phone, passkey):
    TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)
    give_password(client, alice)
    page = client.get(reverse(PROVE))
    asked = page.context["asked"]["name"]
    assert [way.title for way in page.context["ways"]] == list({"Work phone", "Tablet"} - {asked})
    assert page.context["passkeys"]


def test_a_user_who_has_chosen_another_way_finds_the_passkey_among_the_ways(client, alice, phone, passkey):
    codes = registry.recovery.renew(alice, 3)
    give_password(client, alice)
    page = client.post(reverse(PROVE), {"action": "use", "way": "recovery_code"})
    assert page.context["passkeys"] == []
    assert [way.title for way in page.context["ways"]] == ["Passkey", "Work phone"]
    assert page.context["form"].fields["otp_token"].widget.attrs["autofocus"] is True
    back = client.post(reverse(PROVE), {"action": "use", "way": "passkey"})
    assert [one["name"] for one in back.context["passkeys"]] == [passkey.name]
    assert [way.title for way in back.context["ways"]] == ["Recovery code"]
    assert back.context["form"].fields["otp_token"].widget.attrs["autofocus"] is False
    give_answer(client, codes[0])
    assert is_logged_in(client)


def test_a_passkey_cannot_be_chosen_for_a_code(client, alice, phone, passkey):
    TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)
    give_password(client, alice)
    page = give_answer(client, code_of(phone), device=passkey.persistent_id)
    assert page.context["form"].errors["otp_token"] == ["That device is not on your account. Choose another one."]


def test_a_refused_passkey_keeps_the_login_and_is_told_at_its_button(client, alice, passkey):
    give_password(client, alice)
    answer = Authenticator(id=bytes(passkey.credential_id)).get(options_from(client, PROVE))
    page = give_answer(client, answer)
    assert page.status_code == 200
    assert page.context["passkey_error"] == "That passkey was not accepted. Try again, or use a different method."
    assert page.context["passkey_error"] in page.text
    assert not page.context["form"].errors
    assert answer not in page.text
    assert "signature" not in page.text
    assert is_pending(client)


def test_a_passkey_of_nobody_on_this_account_is_told_so(client, alice, passkey):
    give_password(client, alice)
    page = give_answer(client, Authenticator().get(options_from(client, PROVE)))
    assert page.context["passkey_error"].startswith("That passkey is not on your account")


def test_an_answer_without_a_question_is_told_so(client, alice, passkey, authenticator):
    give_password(client, alice)
    page = give_answer(client, authenticator.get({"challenge": "AAAA"}))
    assert page.context["passkey_error"].startswith("That took too long")


@pytest.mark.parametrize("typed", ["123456", "wrong", "abcd2345abcd2345"])
def test_what_is_typed_is_no_answer_of_a_passkey(client, alice, passkey, typed):
    give_password(client, alice)
    page = give_answer(client, typed)
    assert page.context["form"].errors["otp_token"] == [
        "That recovery code is not right. Check each character, or use another code from your list."
    ]
    assert not is_logged_in(client)


def test_a_recovery_code_stands_in_for_a_passkey(client, alice, passkey):
    code = registry.recovery.renew(alice, 3)[0]
    give_password(client, alice)
    give_answer(client, code)
    assert is_logged_in(client)


def test_a_static_token_stands_in_for_a_passkey_and_is_throttled(client, alice, passkey):
    device = StaticDevice.objects.create(user=alice, name="backup")
    device.token_set.create(token="31415926")
    give_password(client, alice)
    give_answer(client, "27182818")
    device.refresh_from_db()
    assert device.throttling_failure_count == 1
    StaticDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    give_answer(client, "31415926")
    assert is_logged_in(client)


def test_a_wrong_code_beside_a_passkey_throttles_the_app(client, alice, phone, passkey):
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 1


def test_a_login_whose_passkey_is_gone_ends_and_the_script_is_led_on(client, alice, passkey):
    give_password(client, alice)
    WebAuthnCredential.objects.all().delete()
    response = client.get(reverse(PROVE))
    assert response["Location"] == reverse("account_login")


def test_the_judge_of_typed_answers_refuses_whatever_it_is_given(passkey):
    factor = registry.by_id("webauthn")
    assert not factor.recognizes(passkey, "123456")
    with pytest.raises(PasskeyRefused):
        factor.judge(passkey, "123456")


def test_an_answer_that_is_kept_nowhere_is_refused(alice, passkey, authenticator):
    with pytest.raises(PasskeyExpired):
        verify.answer(alice, authenticator.get({"challenge": "AAAA"}))


# The guard


def test_a_session_of_another_login_view_waits_for_the_passkey(client, alice, passkey, authenticator):
    client.force_login(alice)
    assert not client.get("/").wsgi_request.user.is_authenticated
    give_answer(client, authenticator.get(options_from(client, PROVE)))
    assert is_logged_in(client)


# Before a change


def test_it_is_the_reauthentication_before_a_change(client, alice, passkey, authenticator):
    login_verified(client, alice, passkey)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": 0}]
    session.save()
    response = client.get(reverse("two-factor-backup-tokens"))
    assert response["Location"].startswith(reverse(REAUTHENTICATE))
    page = client.get(response["Location"])
    assert "Use your passkey" in page.text
    response = client.post(response["Location"], {"otp_token": authenticator.get(options_from(client, REAUTHENTICATE))})
    assert response["Location"] == reverse("two-factor-backup-tokens")
    assert client.get(reverse("two-factor-backup-tokens")).status_code == 200


def test_allauths_list_of_ways_names_passkeys(client, alice, phone, passkey):
    ways = get_adapter().get_reauthentication_methods(alice)
    assert [way["description"] for way in ways] == ["Use your passkey or security key or authenticator app"]


# The removal


def test_the_second_factor_is_turned_off_by_the_passkey_alone(client, alice, passkey, authenticator):
    login_verified(client, alice, passkey)
    page = client.get(reverse(REMOVE))
    assert "Turn off with your passkey" in page.text
    client.post(reverse(REMOVE), {"otp_token": authenticator.get(options_from(client, REMOVE))})
    assert not WebAuthnCredential.objects.exists()
    assert client.get("/").wsgi_request.user.is_authenticated


def test_a_removal_by_somebody_elses_passkey_removes_nothing(client, alice, bob, passkey):
    other = Authenticator()
    other.enroll(bob)
    login_verified(client, alice, passkey)
    client.post(reverse(REMOVE), {"otp_token": other.get(options_from(client, REMOVE))})
    assert WebAuthnCredential.objects.filter(user=alice).exists()


def test_where_the_page_asks_for_no_answer_there_is_no_button(client, settings, alice, passkey):
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    login_verified(client, alice, passkey)
    page = client.get(reverse(REMOVE))
    assert "Turn off with your passkey" not in page.text
    client.post(reverse(REMOVE))
    assert not WebAuthnCredential.objects.exists()


# Factors that are off


def test_where_the_factor_is_off_passkeys_are_neither_asked_for_nor_judged(client, settings, alice, phone, passkey, authenticator):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "recovery_codes"]
    give_password(client, alice)
    assert "Use your passkey" not in client.get(reverse(PROVE)).text
    response = client.post(reverse(PROVE), {"action": "passkey"}, **JSON)
    assert response.json()["code"] == "nothing"
    page = give_answer(client, authenticator.get({"challenge": "AAAA"}))
    assert page.context["form"].errors
    assert not is_logged_in(client)
