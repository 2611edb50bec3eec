"""The headless API with ``allauth.mfa`` beside us: users of either are served, and so are users of both."""

from __future__ import annotations

import json
from base64 import b32decode, b32encode

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_otp import oath
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import PASSWORD, code_of, give_password, is_logged_in
from tests.headless.clients import App, Browser, errors_of, pending
from tests.passkeys.authenticator import Authenticator as OurKey
from tests.software_key import SoftwareKey

pytestmark = pytest.mark.django_db

SECRET = b32encode(b"twenty bytes of hers").decode()
HERE = {"domain": "testserver", "client_data": {"origin": "https://testserver"}}
LOGIN, CHALLENGE, CONFIRM = "auth/webauthn/login", "auth/webauthn/authenticate", "auth/webauthn/reauthenticate"


@pytest.fixture
def app_of_mfa(alice) -> Authenticator:
    """An authenticator app of Alice's that ``allauth.mfa`` knows."""
    return Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={"secret": SECRET})


@pytest.fixture
def passkey_of_mfa(client, alice) -> SoftwareKey:
    """A passkey of Alice's that ``allauth.mfa`` knows."""
    key = SoftwareKey()
    give_password(client, alice)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    options = client.get(reverse("mfa_add_webauthn")).context["js_data"]["creation_options"]["publicKey"]
    client.post(reverse("mfa_add_webauthn"), {"name": "Laptop", "credential": key.create(options, **HERE), "passwordless": "on"})
    assert Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN).exists()
    return key


def mfa_code() -> str:
    return f"{oath.totp(b32decode(SECRET)):06d}"


def options_from(api, path):
    response = api.get(path)
    assert response.status_code == 200, response.content
    return response.json()["data"]["request_options"]["publicKey"]


def signed(api, path, key, **lies):
    return {"credential": json.loads(key.get(options_from(api, path), **lies))}


def test_a_user_of_allauth_mfa_alone_answers_to_it(api, alice, app_of_mfa):
    assert pending(api.log_in(alice)) == {"id": "mfa_authenticate", "is_pending": True, "types": ["totp"]}
    assert errors_of(api.answer("000000" if mfa_code() != "000000" else "111111")) == [("incorrect_code", "code")]
    assert api.answer(mfa_code()).status_code == 200
    assert api.user() == "alice"


def test_a_user_of_both_answers_to_us(api, alice, phone, app_of_mfa):
    assert pending(api.log_in(alice))["factors"] == ["totp"]
    assert api.answer(code_of(phone)).status_code == 200
    assert api.user() == "alice"


def test_a_user_of_both_does_not_get_past_us_by_the_other(api, alice, phone, app_of_mfa):
    api.log_in(alice)
    assert errors_of(api.answer(mfa_code())) == [("incorrect_code", "code")]
    assert api.user() is None


def test_a_user_who_is_given_a_device_of_ours_meanwhile_is_asked_for_it(api, alice, app_of_mfa):
    api.log_in(alice)
    phone = TOTPDevice.objects.create(user=alice)
    assert pending(api.answer(mfa_code()))["factors"] == ["totp"]
    assert api.user() is None
    assert api.answer(code_of(phone)).status_code == 200
    assert api.user() == "alice"


def test_a_passkey_of_allauth_mfa_answers_after_the_password(api, alice, passkey_of_mfa):
    assert pending(api.log_in(alice))["types"] == ["recovery_codes", "webauthn"]
    assert api.post(CHALLENGE, signed(api, CHALLENGE, passkey_of_mfa, **HERE)).status_code == 200
    assert api.user() == "alice"


def test_passkeys_of_either_sign_in_alone_by_one_question(api, alice, bob, passkey_of_mfa):
    ours = OurKey()
    ours.enroll(bob, passwordless=True)
    for key, lies, name in ((passkey_of_mfa, HERE, "alice"), (ours, {}, "bob")):
        visitor = type(api)()
        assert visitor.post(LOGIN, signed(visitor, LOGIN, key, **lies)).status_code == 200
        assert visitor.user() == name


def test_a_user_of_both_who_signs_in_by_the_others_passkey_is_asked_for_our_device(api, alice, passkey_of_mfa, phone):
    response = api.post(LOGIN, signed(api, LOGIN, passkey_of_mfa, **HERE))
    assert pending(response)["factors"] == ["totp"]
    assert api.answer(code_of(phone)).status_code == 200


def test_an_answer_to_the_shared_question_counts_once(api, alice, passkey_of_mfa):
    answer = signed(api, LOGIN, passkey_of_mfa, **HERE)
    api.post(LOGIN, answer)
    thief = type(api)()
    assert thief.post(LOGIN, answer).status_code == 400
    thief.get(LOGIN)
    assert thief.post(LOGIN, answer).status_code == 400
    assert thief.user() is None


def test_where_our_passkeys_do_not_sign_in_alone_the_others_do(api, alice, passkey_of_mfa, settings):
    settings.ALLAUTH_2FA_PASSKEY_LOGIN = False
    assert api.post(LOGIN, signed(api, LOGIN, passkey_of_mfa, **HERE)).status_code == 200
    assert api.user() == "alice"


SECRETS = "account/authenticators/recovery-codes"
"""What is shown to nobody who has not answered of late."""


def test_a_user_of_allauth_mfa_alone_reauthenticates_by_it(api, alice, app_of_mfa):
    api.log_in(alice)
    api.answer(mfa_code())
    assert api.post(SECRETS).status_code == 401
    # allauth keeps in the cache which code was used.
    cache.clear()
    assert api.post("auth/2fa/reauthenticate", {"code": mfa_code()}).status_code == 200
    assert api.post(SECRETS).status_code == 200


def remove_nothing(api):
    """Ask for the removal of no passkey, which is refused: first of all to those who have not answered in the session."""
    return api.ask("DELETE", "account/authenticators/webauthn", {"authenticators": []})


def test_a_user_of_our_app_and_the_others_passkey_reauthenticates_by_either(api, alice, passkey_of_mfa, phone):
    api.log_in(alice)
    api.answer(code_of(phone))
    (flow,) = remove_nothing(api).json()["data"]["flows"]
    assert sorted(flow["types"]) == ["recovery_codes", "totp", "webauthn"]
    assert api.post(CONFIRM, signed(api, CONFIRM, passkey_of_mfa, **HERE)).status_code == 200
    assert remove_nothing(api).status_code == 400


def test_a_user_of_both_reauthenticates_by_our_app(api, alice, phone, app_of_mfa):
    api.log_in(alice)
    api.answer(code_of(phone))
    TOTPDevice.objects.update(last_t=-1)
    assert remove_nothing(api).status_code == 401
    assert errors_of(api.post("auth/2fa/reauthenticate", {"code": mfa_code()})) == [("incorrect_code", "code")]
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert api.post("auth/2fa/reauthenticate", {"code": code_of(phone)}).status_code == 200
    assert remove_nothing(api).status_code == 400


def test_whoever_may_sign_up_by_a_passkey_there_may_do_so(api, settings):
    settings.MFA_PASSKEY_SIGNUP_ENABLED = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    response = api.post("auth/webauthn/signup", {"email": "new@example.com", "username": "new"})
    assert pending(response)["id"] == "verify_email"


TOTP, PASSKEYS = "account/authenticators/totp", "account/authenticators/webauthn"


def inside_by_mfa(api, alice):
    api.log_in(alice)
    api.answer(mfa_code())
    # allauth keeps in the cache which code was used.
    cache.clear()
    assert api.post("auth/2fa/reauthenticate", {"code": mfa_code()}).status_code == 200


def test_whoever_has_its_authenticators_alone_keeps_them_there(api, alice, app_of_mfa):
    inside_by_mfa(api, alice)
    assert api.get(TOTP).json()["data"]["type"] == "totp"
    assert "user" in api.get(PASSKEYS).json()["data"]["creation_options"]["publicKey"]
    assert api.ask("DELETE", TOTP).status_code == 200
    assert not Authenticator.objects.filter(user=alice).exists()
    assert api.get(TOTP).status_code == 404


def test_the_app_of_a_user_of_our_passkey_is_its_own(api, alice, app_of_mfa):
    key = OurKey()
    key.enroll(alice)
    api.log_in(alice)
    assert api.post(CHALLENGE, signed(api, CHALLENGE, key)).status_code == 200
    assert "factor" not in api.get(TOTP).json()["data"]
    assert api.post(CONFIRM, signed(api, CONFIRM, key)).status_code == 200
    assert api.ask("DELETE", TOTP).status_code == 200
    assert not Authenticator.objects.filter(user=alice).exists()


def test_passkeys_of_either_are_listed_named_and_removed(api, alice, passkey_of_mfa, phone):
    ours = OurKey().enroll(alice, name="Ours")
    api.log_in(alice)
    api.answer(code_of(phone))
    type(phone).objects.update(last_t=-1)
    assert api.post("auth/2fa/reauthenticate", {"code": code_of(phone)}).status_code == 200
    ids = {entry["name"]: entry["id"] for entry in api.get("account/authenticators").json()["data"] if entry["type"] == "webauthn"}
    assert ids == {"Ours": -ours.pk, "Laptop": Authenticator.objects.get(type=Authenticator.Type.WEBAUTHN).pk}
    for name in ("Ours", "Laptop"):
        assert api.ask("PUT", PASSKEYS, {"id": ids[name], "name": f"{name}, again"}).status_code == 200
    assert api.ask("DELETE", PASSKEYS, {"authenticators": list(ids.values())}).status_code == 400
    assert api.ask("DELETE", PASSKEYS, {"authenticators": [ids["Laptop"]]}).status_code == 200
    names = [entry["name"] for entry in api.get("account/authenticators").json()["data"] if entry["type"] == "webauthn"]
    assert names == ["Ours, again"]


def test_where_passkeys_of_ours_are_off_the_others_are_added(api, bob, monkeypatch):
    monkeypatch.setattr("allauth_2fa.devices.passkeys.factor", lambda: None)
    api.log_in(bob)
    # Its own view asks for an answer in the session.
    assert api.post("auth/reauthenticate", {"password": PASSWORD}).status_code == 200
    options = api.get(PASSKEYS).json()["data"]["creation_options"]["publicKey"]
    credential = json.loads(SoftwareKey().create(options, **HERE))
    assert api.post(PASSKEYS, {"name": "Laptop", "credential": credential}).status_code == 200
    assert Authenticator.objects.filter(user=bob, type=Authenticator.Type.WEBAUTHN).exists()


def test_what_the_other_alone_has_is_still_there(api, alice, app_of_mfa):
    api.log_in(alice)
    api.answer(mfa_code())
    (entry,) = api.get("account/authenticators").json()["data"]
    assert entry["type"] == "totp"


@pytest.mark.parametrize("body", ["", "[", "[]", '{"code": "\\ud800"}', '{"credential": "' + "[" * 100_000 + '"}'])
@pytest.mark.parametrize("path", ["auth/2fa/authenticate", CHALLENGE])
def test_its_endpoints_answer_in_json_as_well(api, alice, app_of_mfa, path, body):
    api.log_in(alice)
    assert api.ask("POST", path, body=body).status_code == 400
    assert api.ask("PATCH", path).status_code == 405


def test_allauth_mfas_own_question_about_trust_goes_to_its_view(alice, app_of_mfa, settings):
    settings.MFA_TRUST_ENABLED = True
    browser = Browser()
    browser.log_in(alice)
    assert pending(browser.answer(mfa_code()))["id"] == "mfa_trust"
    assert browser.post("auth/2fa/trust", {"trust": True}).status_code == 200
    assert browser.user() == "alice"
    browser.ask("DELETE", "auth/session")
    assert browser.log_in(alice).status_code == 200


def test_allauth_mfas_own_question_about_trust_is_asked_on_its_page(client, alice, app_of_mfa, settings):
    settings.MFA_TRUST_ENABLED = True
    give_password(client, alice)
    response = client.post(reverse("mfa_authenticate"), {"code": mfa_code()})
    assert response["Location"] == reverse("mfa_trust")
    assert client.get(reverse("account_login"))["Location"] == reverse("mfa_trust")
    client.post(reverse("mfa_trust"), {"action": "trust"})
    assert is_logged_in(client)


@pytest.mark.parametrize("client", [Browser, App])
def test_a_login_costs_hardly_more_statements_than_one_by_allauth_mfa(alice, bob, phone, settings, client):
    settings.ALLAUTH_2FA_FACTORS = []
    Authenticator.objects.create(user=bob, type=Authenticator.Type.TOTP, data={"secret": SECRET})
    counts = []
    for user, code in ((bob, mfa_code), (alice, lambda: code_of(phone))):
        api = client()
        api.get("config")
        with CaptureQueriesContext(connection) as statements:
            api.log_in(user)
            assert api.answer(code()).status_code == 200
        counts.append(len(statements))
    theirs, ours = counts
    assert ours <= 1.2 * theirs


@pytest.mark.parametrize("path", [LOGIN, CHALLENGE])
def test_a_passkeys_answer_that_is_text_is_refused_before_the_view_of_allauth_mfa_reads_it_once_more(api, alice, passkey_of_mfa, path):
    if path == CHALLENGE:
        api.log_in(alice)
    response = api.post(path, {"credential": "{}"})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/json"
    assert api.user() is None


@pytest.mark.parametrize("ids", [[10**30], [-(10**30)], ["9" * 30], [[10**30]], [None], 1, None])
def test_ids_that_no_database_can_look_up_remove_no_passkey_of_mfa(client, alice, passkey_of_mfa, ids):
    browser = Browser()
    browser.client = client
    assert browser.ask("DELETE", "account/authenticators/webauthn", {"authenticators": ids}).status_code == 400
    assert Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN).exists()
