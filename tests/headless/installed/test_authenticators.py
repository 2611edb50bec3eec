"""The list of authenticators, and the authenticator app, by the headless API."""

from __future__ import annotations

from base64 import b32decode

import pytest
from django.core import mail
from django_otp import oath
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.audit.log import AuditEntry
from allauth_2fa.devices import turn_off
from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryCode
from tests.cast import code_of, wrong_code_of
from tests.headless.clients import App, errors_of, pending
from tests.passkeys.authenticator import Authenticator

pytestmark = pytest.mark.django_db

LIST = "account/authenticators"
TOTP, CODES, WEBAUTHN = f"{LIST}/totp", f"{LIST}/recovery-codes", f"{LIST}/webauthn"


@pytest.fixture
def without(api, bob):
    """Bob's client. He has no second factor."""
    api.log_in(bob)
    return api


@pytest.fixture
def inside(api, alice, phone):
    """Alice's client, which has logged in by her phone."""
    api.log_in(alice)
    assert api.answer(code_of(phone)).status_code == 200
    return api


@pytest.fixture
def confirmed(inside, phone):
    """The same, once she has answered in the session as well."""
    answer_again(inside, phone)
    return inside


def answer_again(api, phone):
    TOTPDevice.objects.filter(pk=phone.pk).update(last_t=-1)
    assert api.post("auth/2fa/reauthenticate", {"code": code_of(phone)}).status_code == 200


def secret_of(response) -> str:
    assert response.status_code == 404, response.content
    meta = response.json()["meta"]
    assert f"secret={meta['secret']}" in meta["totp_url"]
    return meta["secret"]


def shown(secret: str) -> str:
    return f"{oath.totp(b32decode(secret + '=' * (-len(secret) % 8))):06d}"


def events() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("event", flat=True))


def test_the_list_says_what_protects_the_account(inside, alice, phone, bob):
    Authenticator().enroll(alice, name="Laptop")
    Authenticator().enroll(bob, name="Of Bob")
    registry.recovery.renew(alice, 10)
    app, passkey, codes = sorted(
        inside.get(LIST).json()["data"], key=lambda entry: ["totp", "webauthn", "recovery_codes"].index(entry["type"])
    )
    assert (app["factor"], app["device"]) == ("totp", phone.persistent_id)
    assert app["created_at"] <= app["last_used_at"]
    assert (passkey["name"], passkey["is_passwordless"], passkey["last_used_at"]) == ("Laptop", False, None)
    assert isinstance(passkey["id"], int)
    assert (codes["total_code_count"], codes["unused_code_count"]) == (10, 10)
    assert "unused_codes" not in codes


def test_whoever_has_nothing_is_told_so(without):
    assert without.get(LIST).json() == {**without.get(LIST).json(), "status": 200, "data": []}


def test_an_app_is_set_up_and_the_session_goes_on(without, bob):
    secret = secret_of(without.get(TOTP))
    assert secret_of(without.get(TOTP)) == secret
    response = without.post(TOTP, {"code": shown(secret), "name": "Phone"})
    assert response.status_code == 200, response.content
    data = response.json()["data"]
    assert (data["type"], data["name"]) == ("totp", "Phone")
    assert response.json()["meta"]["recovery_codes_generated"] is False
    assert without.user() == "bob"
    device = TOTPDevice.objects.get(user=bob, confirmed=True)
    assert device.name == "Phone"
    assert without.get(TOTP).json()["data"]["device"] == device.persistent_id
    assert "device_added" in events()
    # The session is a verified one: what asks for a second factor opens.
    assert without.post(CODES).status_code == 200


def test_the_first_app_ends_all_other_sessions(without, bob):
    other = type(without)()
    other.log_in(bob)
    without.post(TOTP, {"code": shown(secret_of(without.get(TOTP)))})
    assert other.user() is None
    assert without.user() == "bob"


def test_a_wrong_code_sets_nothing_up(without, bob):
    secret_of(without.get(TOTP))
    wrong = wrong_code_of(TOTPDevice.objects.get(user=bob))
    assert errors_of(without.post(TOTP, {"code": wrong})) == [("incorrect_code", "code")]
    assert not TOTPDevice.objects.filter(user=bob, confirmed=True).exists()


def test_a_code_before_the_secret_was_shown_sets_nothing_up(without, bob):
    assert without.post(TOTP, {"code": "123456"}).json()["errors"][0]["reason"] == "ended"
    assert not TOTPDevice.objects.filter(user=bob, confirmed=True).exists()


def test_a_secret_that_another_session_was_shown_sets_nothing_up(without, bob):
    thief = type(without)()
    thief.log_in(bob)
    old = secret_of(thief.get(TOTP))
    assert secret_of(without.get(TOTP)) != old
    assert thief.post(TOTP, {"code": shown(old)}).status_code == 400
    assert not TOTPDevice.objects.filter(user=bob, confirmed=True).exists()


def test_an_activation_that_is_sent_again_changes_nothing(without, bob):
    code = shown(secret_of(without.get(TOTP)))
    assert without.post(TOTP, {"code": code}).status_code == 200
    assert without.post(TOTP, {"code": code}).status_code == 409
    assert TOTPDevice.objects.filter(user=bob).count() == 1


def test_an_app_that_the_project_does_not_permit_is_not_set_up(without, monkeypatch):
    secret = secret_of(without.get(TOTP))
    monkeypatch.setattr("allauth_2fa.adapter.OTPAdapter.is_factor_allowed", lambda *_facts: False)
    assert errors_of(without.get(TOTP)) == [("policy", None)]
    assert errors_of(without.post(TOTP, {"code": shown(secret)})) == [("policy", None)]


def test_where_apps_are_off_none_is_set_up(without, settings):
    settings.ALLAUTH_2FA_FACTORS = [path for path in settings.ALLAUTH_2FA_FACTORS or [] if "totp" not in path.lower()]
    assert without.get(TOTP).status_code == 409


def test_an_app_beyond_what_a_user_may_hold_is_not_set_up(without, settings):
    secret = secret_of(without.get(TOTP))
    settings.ALLAUTH_2FA_MAX_DEVICES = 0
    assert errors_of(without.get(TOTP)) == errors_of(without.post(TOTP, {"code": shown(secret)})) == [("room", None)]


@pytest.fixture
def tablet(alice, phone):
    """A second app of Alice's."""
    return TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)


@pytest.fixture
def by_tablet(api, alice, tablet):
    """Alice's client, which has logged in by the second app and answered again."""
    api.log_in(alice)
    assert api.answer(code_of(tablet), device=tablet.persistent_id).status_code == 200
    answer_again(api, tablet)
    return api


def test_deleting_the_first_app_leaves_the_others(by_tablet, alice, tablet):
    assert by_tablet.ask("DELETE", TOTP).status_code == 200
    assert list(TOTPDevice.objects.filter(user=alice)) == [tablet]
    assert by_tablet.user() == "alice"
    assert events().count("device_removed") == 1


def test_a_session_that_the_deleted_app_has_verified_waits_for_another_answer(confirmed, alice, tablet):
    assert confirmed.ask("DELETE", TOTP).status_code == 200
    assert confirmed.get(LIST).status_code == 401
    assert confirmed.post(CODES).status_code == 401
    again = type(confirmed)()
    assert pending(again.log_in(alice))["factors"] == ["totp"]
    assert again.answer(code_of(tablet)).status_code == 200
    assert again.user() == "alice"


def test_deleting_the_last_device_turns_the_second_factor_off(confirmed, alice, phone):
    registry.recovery.renew(alice, 10)
    other = type(confirmed)()
    other.log_in(alice)
    assert confirmed.ask("DELETE", TOTP).status_code == 200
    assert not TOTPDevice.objects.filter(user=alice).exists()
    assert not RecoveryCode.objects.filter(device__user=alice).exists()
    assert "two_factor_off" in events()
    assert confirmed.user() == "alice"
    assert other.answer("123456").status_code in {401, 410}
    assert type(confirmed)().log_in(alice).status_code == 200


def test_a_device_that_another_request_has_just_removed_is_not_the_last_one(alice, phone, tablet):
    phone.user = alice
    assert turn_off.remove(alice, [phone]) is None
    phone.pk = phone.pk or int(phone.persistent_id.rpartition("/")[2])
    assert turn_off.remove(alice, [phone]) is None
    assert list(TOTPDevice.objects.filter(user=alice)) == [tablet]


def test_there_may_be_no_app_to_delete(api, alice):
    Authenticator().enroll(alice)
    (code,) = registry.recovery.renew(alice, 1)
    api.log_in(alice)
    api.answer(code)
    api.post("auth/2fa/reauthenticate", {"code": registry.recovery.renew(alice, 1)[0]})
    assert api.ask("DELETE", TOTP).status_code == 200
    assert next(entry["type"] for entry in api.get(LIST).json()["data"]) == "webauthn"


def test_a_factor_that_the_site_requires_is_not_deleted(confirmed, alice, phone, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    assert errors_of(confirmed.ask("DELETE", TOTP)) == [("required", None)]
    assert TOTPDevice.objects.filter(pk=phone.pk).exists()


def test_the_login_alone_deletes_nothing_where_the_page_asks_for_a_code(inside, phone, settings):
    assert inside.ask("DELETE", TOTP).status_code == 401
    assert TOTPDevice.objects.filter(pk=phone.pk).exists()
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    assert inside.ask("DELETE", TOTP).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("GET", CODES, None),
        ("POST", CODES, None),
        ("POST", TOTP, {"code": "123456"}),
        ("DELETE", TOTP, None),
        ("GET", WEBAUTHN, None),
        ("POST", WEBAUTHN, {"credential": {"id": "x"}}),
        ("PUT", WEBAUTHN, {"id": 1, "name": "x"}),
        ("DELETE", WEBAUTHN, {"authenticators": [1]}),
    ],
)
def test_an_old_authentication_opens_nothing(inside, settings, method, path, data):
    settings.ALLAUTH_2FA_REAUTHENTICATION_TIMEOUT = 0
    response = inside.ask(method, path, data)
    assert response.status_code == 401
    assert [flow["id"] for flow in response.json()["data"]["flows"]] == ["mfa_reauthenticate"]
    assert inside.get(LIST).status_code == inside.get(TOTP).status_code == 200


def test_a_secret_is_not_shown_for_an_old_authentication(without, settings):
    settings.ALLAUTH_2FA_REAUTHENTICATION_TIMEOUT = 0
    response = without.get(TOTP)
    assert response.status_code == 401
    assert "secret" not in response.json()["meta"]


@pytest.mark.parametrize("path", [LIST, TOTP, CODES, WEBAUTHN])
def test_a_login_that_waits_opens_nothing(api, alice, phone, path):
    api.log_in(alice)
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert api.ask(method, path, {"code": code_of(phone)}).status_code in {401, 405}
    assert TOTPDevice.objects.filter(pk=phone.pk).exists()


@pytest.mark.parametrize("path", [LIST, TOTP, CODES, WEBAUTHN])
def test_whoever_uses_another_users_account_sees_nothing_of_it(inside, path, monkeypatch):
    monkeypatch.setattr("allauth_2fa.adapter.OTPAdapter.is_impersonated", lambda _adapter, _request: True)
    assert inside.get(path).status_code == 403


def test_a_form_of_another_site_changes_nothing(inside, phone):
    """CSRF protects clients whose browser sends cookies; a token is sent by nobody else."""
    if isinstance(inside, App):
        pytest.skip("it has no cookie")
    inside.client.handler.enforce_csrf_checks = True
    for method, path in (("POST", TOTP), ("DELETE", TOTP), ("POST", CODES), ("PUT", WEBAUTHN), ("DELETE", WEBAUTHN)):
        response = inside.client.generic(method, f"/_allauth/browser/v1/{path}", "{}", content_type="text/plain")
        assert response.status_code == 403
    assert TOTPDevice.objects.filter(pk=phone.pk).exists()


def test_recovery_codes_are_shown_once_and_counted_afterwards(inside, alice):
    assert inside.get(CODES).status_code == 404
    data = inside.post(CODES).json()["data"]
    assert data["type"] == "recovery_codes"
    assert len(data["unused_codes"]) == data["total_code_count"] == data["unused_code_count"] == 10
    assert inside.post("auth/2fa/reauthenticate", {"code": data["unused_codes"][0]}).status_code == 200
    after = inside.get(CODES).json()["data"]
    assert (after["total_code_count"], after["unused_code_count"], "unused_codes" in after) == (10, 9, False)
    assert "recovery_codes_made" in events()


def test_readable_codes_are_shown_again_where_the_site_says_so(inside, settings):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    made = inside.post(CODES).json()["data"]["unused_codes"]
    assert sorted(inside.get(CODES).json()["data"]["unused_codes"]) == sorted(made)


def test_whoever_has_no_factor_makes_no_codes(without, bob):
    assert without.get(CODES).status_code == 404
    assert errors_of(without.post(CODES)) == [("cannot_generate_recovery_codes", None)]
    assert not RecoveryCode.objects.filter(device__user=bob).exists()


def test_each_change_is_mailed_as_from_a_page(without, bob, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        device = without.post(TOTP, {"code": shown(secret_of(without.get(TOTP))), "name": "Phone"}).json()["data"]["device"]
    assert "Phone" in mail.outbox[-1].body
    with django_capture_on_commit_callbacks(execute=True):
        without.post(CODES)
    assert "recovery codes" in mail.outbox[-1].body
    phone = TOTPDevice.objects.get(pk=int(device.rpartition("/")[2]))
    answer_again(without, phone)
    with django_capture_on_commit_callbacks(execute=True):
        assert without.ask("DELETE", TOTP).status_code == 200
    assert [message.to for message in mail.outbox] == [[bob.email]] * 3
    assert {"device_added", "recovery_codes_made", "two_factor_off"} <= set(events())
