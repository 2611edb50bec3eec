"""A login with a second factor by the headless API."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.audit.log import AuditEntry
from allauth_2fa.factors import registry
from tests.cast import code_of, drop, wrong_code_of
from tests.headless.clients import App, Browser, JwtApp, errors_of, pending
from tests.matrix.kinds import KINDS, Paged

pytestmark = pytest.mark.django_db


def stop_waiting(*devices):
    """Forget the wrong answer, after which some devices make the next one wait."""
    for device in devices:
        if hasattr(device, "throttling_failure_count"):
            type(device).objects.filter(pk=device.pk).update(throttling_failure_count=0, throttling_failure_timestamp=None)


def test_a_login_waits_for_a_code_and_says_which_kinds_there_are(api, alice, phone):
    registry.recovery.renew(alice, 3)
    response = api.log_in(alice)
    assert pending(response) == {
        "id": "mfa_authenticate",
        "is_pending": True,
        "types": ["totp", "recovery_codes"],
        "factors": ["totp", "recovery_codes"],
    }
    assert response.json()["meta"]["is_authenticated"] is False
    assert api.user() is None


def test_a_right_code_logs_in(api, alice, phone):
    api.log_in(alice)
    response = api.answer(code_of(phone))
    assert response.status_code == 200
    answer = response.json()
    assert answer["meta"]["is_authenticated"] is True
    assert answer["data"]["user"]["username"] == "alice"
    password, factor = answer["data"]["methods"]
    assert password["method"] == "password"
    assert (factor["method"], factor["type"], factor["id"]) == ("mfa", "totp", phone.pk)
    assert api.user() == "alice"


def test_a_right_code_gives_the_client_what_it_needs_from_then_on(api, alice, phone):
    before = api.log_in(alice).json()["meta"].get("session_token")
    meta = api.answer(code_of(phone)).json()["meta"]
    assert ("session_token" in meta) == isinstance(api, App)
    assert {"access_token", "refresh_token"} <= meta.keys() or not isinstance(api, JwtApp)
    assert before is None or meta["session_token"] != before


def test_a_session_that_has_answered_is_verified_for_pages_too(alice, phone):
    browser = Browser()
    browser.log_in(alice)
    browser.answer(code_of(phone))
    assert browser.client.session["otp_device_id"] == phone.persistent_id
    assert browser.client.get(reverse("two-factor-overview")).status_code == 200


def test_a_wrong_code_is_refused_in_the_words_of_the_contract_and_the_login_waits_on(api, alice, phone):
    api.log_in(alice)
    response = api.answer(wrong_code_of(phone))
    assert response.json()["errors"] == [
        {
            "message": "That code is not right. Codes change every 30 seconds. Enter the current one.",
            "code": "incorrect_code",
            "param": "code",
            "reason": "refused",
        }
    ]
    assert errors_of(response) == [("incorrect_code", "code")]
    assert pending(api.get("auth/session"))["id"] == "mfa_authenticate"
    assert api.user() is None


def test_the_code_of_another_login_is_used(api, alice, phone):
    code = code_of(phone)
    api.log_in(alice)
    api.answer(code)
    thief = Browser()
    thief.log_in(alice)
    response = thief.answer(code)
    assert errors_of(response) == [("incorrect_code", "code")]
    assert response.json()["errors"][0]["reason"] == "used"
    assert thief.user() is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Paged], ids=lambda kind: kind.__name__.lower())
def test_each_kind_of_code_logs_in(api, alice, kind):
    holder = kind(alice)
    flow = pending(api.log_in(alice))
    factor = registry.factor_of(holder.device)
    assert factor.api_type in flow["types"]
    assert factor.id in flow["factors"]
    assert set(flow["types"]) <= {"totp", "recovery_codes", "webauthn"}
    assert errors_of(api.answer(holder.wrong(Client()))) == [("incorrect_code", "code")]
    stop_waiting(*holder.devices())
    response = api.answer(holder.right(Client()))
    assert response.status_code == 200, response.content
    assert response.json()["data"]["methods"][-1]["type"] == factor.id


def test_a_code_that_is_sent_with_the_question_logs_in(api, alice):
    holder = Paged(alice)
    api.log_in(alice)
    holder.look_again()
    assert api.answer(holder.device.token).status_code == 200


def test_a_code_may_be_posted_as_a_number_without_its_zeros(api, alice, phone):
    for _key in range(200):
        if code_of(phone).startswith("0"):
            break
        phone.key = f"{int(phone.key, 16) + 1:040x}"
    phone.save()
    api.log_in(alice)
    assert api.answer(int(code_of(phone))).status_code == 200


def test_the_client_may_say_which_device_the_code_is_for(api, alice, phone):
    other = TOTPDevice.objects.create(user=alice, name="Other")
    api.log_in(alice)
    assert api.answer(code_of(other), device=phone.persistent_id).status_code == 400
    api.answer(code_of(other), device=other.persistent_id)
    assert api.user() == "alice"


def test_a_throttled_device_says_for_how_long(api, alice, phone):
    api.log_in(alice)
    api.answer(wrong_code_of(phone))
    response = api.answer(code_of(phone))
    (error,) = response.json()["errors"]
    assert (error["code"], error["param"], error["reason"]) == ("too_many_login_attempts", "code", "throttled")
    assert error["retry_after"] == 1
    assert response["Retry-After"] == "1"


def test_each_answer_is_in_the_audit_log(api, alice, phone):
    api.log_in(alice)
    api.answer(wrong_code_of(phone))
    stop_waiting(phone)
    api.answer(code_of(phone))
    entries = AuditEntry.objects.filter(user=alice).order_by("pk")
    assert [entry.event for entry in entries] == ["challenge_refused", "challenge_passed"]


def test_a_visitor_without_a_pending_login_gets_the_flows(api, alice, phone):
    response = api.answer(code_of(phone))
    assert response.status_code == 401
    assert "login" in {flow["id"] for flow in response.json()["data"]["flows"]}


def test_a_login_whose_last_device_is_gone_is_over(api, alice, phone):
    api.log_in(alice)
    drop(TOTPDevice.objects.filter(pk=phone.pk))
    response = api.answer("123456")
    assert response.status_code == 401
    assert not [flow for flow in response.json()["data"]["flows"] if flow.get("is_pending")]
    assert api.user() is None


def test_a_login_whose_password_has_changed_is_over(api, alice, phone):
    api.log_in(alice)
    user = User.objects.get(pk=alice.pk)
    user.set_password("another long one")
    user.save()
    response = api.answer(code_of(phone))
    assert response.status_code == 401
    assert api.user() is None


def test_the_configuration_names_the_factors_that_the_contract_knows(api):
    data = api.get("config").json()["data"]
    assert data["mfa"] == {"supported_types": ["recovery_codes", "totp", "webauthn"], "passkey_login_enabled": True}
    assert data["account"]["login_by_code_enabled"] is True


def test_a_visitor_is_told_that_a_passkey_signs_in_alone_where_it_does(api, settings):
    flows = [flow["id"] for flow in api.get("auth/session").json()["data"]["flows"]]
    assert flows.count("mfa_login_webauthn") == 1
    settings.ALLAUTH_2FA_PASSKEY_LOGIN = settings.MFA_PASSKEY_LOGIN_ENABLED = False
    assert "mfa_login_webauthn" not in api.get("auth/session").text
    assert api.get("config").json()["data"]["mfa"]["passkey_login_enabled"] is False


def test_the_endpoints_have_the_names_that_allauth_gives_them():
    assert reverse("headless:app:mfa:authenticate") == "/_allauth/app/v1/auth/2fa/authenticate"
    assert reverse("headless:browser:config") == "/_allauth/browser/v1/config"
