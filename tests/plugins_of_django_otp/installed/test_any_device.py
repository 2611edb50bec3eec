"""Any django-otp device is a factor: offered, sent to where it sends, judged once, with no code written for it."""

from __future__ import annotations

from binascii import unhexlify

import pytest
from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from otp_yubikey.models import YubikeyDevice
from yubiotp.otp import OTP, encode_otp

from allauth_2fa.factors import lookup, registry
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending
from tests.pager.models import Pager

pytestmark = pytest.mark.django_db

CHALLENGE = "/accounts/two-factor/authenticate/"


@pytest.fixture
def pager(alice):
    Pager.sent.clear()
    return Pager.objects.create(user=alice, name="Red pager")


def message_of(response):
    return response.context["form"].errors["otp_token"][0]


def press(key: YubikeyDevice, counter: int) -> str:
    """Return what the YubiKey types when it is touched."""
    otp = OTP(unhexlify(key.private_id), key.session + 1, 0, counter, 0)
    return encode_otp(otp, key.bin_key, key.public_id()).decode()


def test_a_device_class_of_the_projects_own_is_sent_its_code_with_the_question(client, alice, pager):
    give_password(client, alice)
    assert is_pending(client)
    page = client.get(CHALLENGE)
    assert "Red pager" in page.text
    assert give_answer(client, Pager.sent[-1]).status_code == 302
    assert client.session["otp_device_id"] == pager.persistent_id
    record = client.session["account_authentication_methods"][-1]
    assert (record["method"], record["type"]) == ("mfa", "pager.pager")


def test_a_code_that_was_sent_counts_once(client, alice, pager):
    give_password(client, alice)
    give_answer(client, Pager.sent[-1])
    other = Client()
    give_password(other, alice)
    give_answer(other, Pager.sent[0])
    assert not is_logged_in(other)


def test_a_code_counts_for_the_login_that_asked_for_it(client, alice, pager):
    give_password(client, alice)
    code = Pager.sent[-1]
    thief = Client()
    give_password(thief, alice)  # within the cooldown: nothing is sent for this login
    assert len(Pager.sent) == 1
    assert message_of(give_answer(thief, code)) == "That code has expired. Send a new one."
    assert not is_logged_in(thief)
    assert give_answer(client, code).status_code == 302


def test_a_newer_code_replaces_the_older_one_of_the_same_login_alone(client, alice, pager):
    give_password(client, alice)
    Pager.objects.update(last_generated_timestamp=None)
    other = Client()
    give_password(other, alice)
    Pager.objects.update(last_generated_timestamp=None)
    other.post(CHALLENGE, {"action": "send"})
    first, old, new = Pager.sent
    assert old in {first, new} or message_of(give_answer(other, old)) == "That code is not right. Check it, or use a different method."
    Pager.objects.update(throttling_failure_count=0)
    assert give_answer(client, first).status_code == 302
    assert give_answer(other, new).status_code == 302


def test_another_code_is_sent_on_request_when_the_cooldown_is_over(client, alice, pager):
    give_password(client, alice)
    response = client.post(CHALLENGE, {"action": "send", "device": pager.persistent_id})
    assert response.context["notice"] == ""
    assert response.context["resend"]["seconds"] > 0
    Pager.objects.update(last_generated_timestamp=None)
    response = client.post(CHALLENGE, {"action": "send"})
    assert response.context["notice"] == "We sent a code to Red pager. Enter it below."
    assert "required" not in response.text.partition("otp_token")[2][:200]
    assert len(Pager.sent) == 2
    assert give_answer(client, Pager.sent[-1]).status_code == 302


def test_a_device_that_cannot_send_says_so_and_logs_no_code(client, alice, pager, caplog):
    Pager.objects.update(is_broken=True, token="424242")
    give_password(client, alice)
    response = client.post(CHALLENGE, {"action": "send"})
    assert response.context["notice"] == "We could not send the code. Try again in a moment, or use a different method."
    assert "OSError" in caplog.text
    assert "424242" not in caplog.text + "".join(str(record.exc_info) for record in caplog.records)


def test_a_wrong_code_throttles_the_addressed_device_only(client, alice, pager, phone):
    give_password(client, alice)
    client.post(CHALLENGE, {"action": "send", "device": pager.persistent_id})
    response = give_answer(client, "000000" if Pager.sent[-1] != "000000" else "111111", device=pager.persistent_id)
    assert message_of(response) == "That code is not right. Check it, or use a different method."
    assert "You can try again in" in message_of(give_answer(client, Pager.sent[-1], device=pager.persistent_id))
    assert give_answer(client, code_of(phone), device=phone.persistent_id).status_code == 302


@pytest.mark.parametrize("chosen", ["pager.pager/999", "otp_totp.totpdevice/999", "nonsense", "pager.pager/" + "9" * 40])
def test_sending_reaches_nobody_elses_device(client, alice, phone, bob, chosen):
    theirs = Pager.objects.create(user=bob, name="Bob's")
    Pager.sent.clear()
    give_password(client, alice)
    for device_id in (chosen, theirs.persistent_id):
        response = client.post(CHALLENGE, {"action": "send", "device": device_id})
        assert response.status_code == 200
        assert "That device is not on your account." in response.context["notice"]
    assert Pager.sent == []


@pytest.mark.parametrize("is_named", [True, False])
def test_no_code_is_sent_to_an_app_and_the_page_says_why(client, alice, phone, is_named):
    Pager.objects.create(user=alice, name="Pager")
    Pager.sent.clear()
    give_password(client, alice)
    response = client.post(CHALLENGE, {"action": "send", "device": phone.persistent_id if is_named else ""})
    assert response.context["notice"] == "That device shows its codes itself. Enter its code, or choose a device that we send codes to."
    assert response.context["is_refused"] is True
    assert '<span role="alert">That device shows its codes itself.' in response.text
    assert Pager.sent == []


def test_a_yubikey_is_answered_for_by_a_touch(client, alice):
    key = YubikeyDevice.objects.create(user=alice, name="Blue key")
    give_password(client, alice)
    touch = press(key, 1)
    assert give_answer(client, touch).status_code == 302
    assert client.session["otp_device_id"] == key.persistent_id
    other = Client()
    give_password(other, alice)
    give_answer(other, touch)
    assert not is_logged_in(other)


def test_a_yubikey_and_an_app_stand_side_by_side(client, alice, phone):
    key = YubikeyDevice.objects.create(user=alice, name="Blue key")
    give_password(client, alice)
    assert {device["name"] for device in client.get(CHALLENGE).context["devices"]} == {"Blue key", "Work phone"}
    assert give_answer(client, press(key, 1)).status_code == 302
    client.logout()
    give_password(client, alice)
    assert give_answer(client, code_of(phone)).status_code == 302


def test_factors_are_ordered_and_limited_by_the_setting(settings):
    assert [factor.id for factor in registry.factors()][:2] == ["totp", "hotp"]
    settings.ALLAUTH_2FA_FACTORS = ["pager.pager", "recovery_codes", "totp"]
    assert [factor.id for factor in registry.factors()] == ["pager.pager", "recovery_codes", "totp"]


def test_a_factor_that_was_left_out_is_not_asked_for(client, alice, pager, settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "recovery_codes", "static"]
    give_password(client, alice)
    assert is_logged_in(client)


def test_reauthentication_sends_a_code_too(client, alice, pager, settings):
    give_password(client, alice)
    give_answer(client, Pager.sent[-1])
    Pager.objects.update(last_generated_timestamp=None)
    page = "/accounts/two-factor/factors/reauthenticate/?next=/private/"
    assert client.post(page, {"action": "send"}).context["notice"].startswith("We sent a code")
    assert client.post(page, {"otp_token": Pager.sent[-1]})["Location"] == "/private/"


def test_a_user_whose_only_device_sends_codes_turns_it_off_by_one(client, alice, pager):
    give_password(client, alice)
    give_answer(client, Pager.sent[-1])
    Pager.objects.update(last_generated_timestamp=None)
    remove = "/accounts/two-factor/remove/"
    assert client.get(remove).context["can_send"]
    assert client.post(remove, {"action": "send"}).context["notice"].startswith("We sent a code")
    assert client.post(remove, {"otp_token": Pager.sent[-1]})["Location"] == "/accounts/two-factor/setup/"
    assert not Pager.objects.exists()


def test_no_admin_page_of_django_otps_own_devices_shows_a_secret(client, staff):
    token = HOTPDevice.objects.create(user=staff, name="Token")
    mail = EmailDevice.objects.create(user=staff, name="Mail", token="424242")
    login_verified(client, staff, token)
    for device, secret in ((token, token.key), (mail, mail.token)):
        for page in ("", f"{device.pk}/change/"):
            response = client.get(f"/admin/{device._meta.app_label}/{device._meta.model_name}/{page}")
            assert response.status_code == 200
            assert secret not in response.text


@pytest.mark.parametrize("factors", [["recovery_codes"], ["no.such.factor"]])
def test_a_setting_without_a_factor_logs_nobody_in(client, alice, pager, settings, factors):
    settings.ALLAUTH_2FA_FACTORS = factors
    with pytest.raises(ImproperlyConfigured):
        give_password(client, alice)
    assert not is_logged_in(client)


def test_reauthentication_is_named_by_the_kinds_that_the_user_holds(alice, phone, pager):
    registry.recovery.renew(alice, 3)
    (method,) = get_adapter().get_reauthentication_methods(alice)
    assert method["description"] == "Use your authenticator app or pager"
    assert lookup.described(lookup.held(alice))["factors"] == ["totp", "pager.pager", "recovery_codes"]


@pytest.mark.parametrize("factors", [[], ["pager.pager"]])
def test_a_model_with_an_order_of_its_own_is_asked_for(client, alice, pager, settings, monkeypatch, factors):
    settings.ALLAUTH_2FA_FACTORS = factors
    monkeypatch.setattr(Pager._meta, "ordering", ["name"])
    assert give_password(client, alice)["Location"] == CHALLENGE
    assert lookup.described(lookup.held(alice))["factors"] == ["pager.pager"]


def test_where_apps_are_off_no_app_is_set_up(client, alice, settings):
    settings.ALLAUTH_2FA_FACTORS = ["pager.pager", "recovery_codes"]
    give_password(client, alice)
    assert client.get("/accounts/two-factor/setup/?next=/private/")["Location"] == "/accounts/two-factor/factors/?next=%2Fprivate%2F"
    assert not TOTPDevice.objects.exists()


def test_one_query_a_kind_of_device(client, alice, phone, django_assert_max_num_queries):
    for n in range(5):
        TOTPDevice.objects.create(user=alice, name=f"Phone {n}")
        Pager.objects.create(user=alice, name=f"Pager {n}")
    give_password(client, alice)
    # What is asked once a process: whether SQLite knows JSON.
    assert connection.features.supports_json_field
    # One more for what the first of them has sent.
    with django_assert_max_num_queries(3 + len(registry.primaries())):
        client.get(CHALLENGE)


def test_a_user_who_has_a_device_of_another_kind_gets_recovery_codes_and_can_turn_it_off(client, alice, pager):
    give_password(client, alice)
    give_answer(client, Pager.sent[-1])
    assert len(client.post("/accounts/two-factor/backup-tokens/").context["backup_tokens"]) == 10
    codes = [item.token for item in client.post("/accounts/two-factor/backup-tokens/").context["backup_tokens"]]
    assert client.post("/accounts/two-factor/remove/", {"otp_token": codes[0]})["Location"] == "/accounts/two-factor/setup/"
    assert not Pager.objects.exists()


def test_an_app_is_added_beside_a_device_of_another_kind_after_its_answer(client, alice, pager):
    give_password(client, alice)
    give_answer(client, Pager.sent[-1])
    assert client.get("/accounts/two-factor/setup/").status_code == 200
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301 * (record["method"] == "mfa")
    session.save()
    assert client.get("/accounts/two-factor/setup/")["Location"].startswith("/accounts/two-factor/factors/reauthenticate/")
