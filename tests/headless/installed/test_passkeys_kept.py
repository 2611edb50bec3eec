"""Adding, naming and removing passkeys by the headless API."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from allauth_2fa.audit.log import AuditEntry
from allauth_2fa.headless.authenticators import number_of
from tests.cast import code_of
from tests.headless.clients import Browser, errors_of
from tests.passkeys.authenticator import Authenticator

pytestmark = pytest.mark.django_db

PATH = "account/authenticators/webauthn"
LIST = "account/authenticators"


@pytest.fixture
def key() -> Authenticator:
    return Authenticator()


@pytest.fixture
def inside(api, alice, phone):
    """Alice's client, which has logged in by her phone, and answered again."""
    api.log_in(alice)
    assert api.answer(code_of(phone)).status_code == 200
    type(phone).objects.filter(pk=phone.pk).update(last_t=-1)
    assert api.post("auth/2fa/reauthenticate", {"code": code_of(phone)}).status_code == 200
    return api


def made(api, key, query: str = "") -> dict:
    response = api.get(PATH + query)
    assert response.status_code == 200, response.content
    return json.loads(key.create(response.json()["data"]["creation_options"]["publicKey"]))


def names(api) -> list[str]:
    return sorted(entry["name"] for entry in api.get(LIST).json()["data"] if entry["type"] == "webauthn")


def test_a_passkey_is_added_named_and_removed(inside, key):
    response = inside.post(PATH, {"credential": made(inside, key), "name": "Key"})
    assert response.status_code == 200, response.content
    data = response.json()["data"]
    assert (data["type"], data["name"], data["is_passwordless"]) == ("webauthn", "Key", False)
    assert response.json()["meta"]["recovery_codes_generated"] is False
    assert names(inside) == ["Key"]
    renamed = inside.ask("PUT", PATH, {"id": data["id"], "name": "Blue key"})
    assert (renamed.status_code, renamed.json()["data"]["name"]) == (200, "Blue key")
    assert names(inside) == ["Blue key"]
    assert {"device_added", "device_renamed"} <= set(AuditEntry.objects.values_list("event", flat=True))


def test_a_passkey_that_signs_in_alone_is_asked_for_by_the_query(inside, key):
    data = inside.post(PATH, {"credential": made(inside, key, "?passwordless"), "name": "Key"}).json()["data"]
    assert data["is_passwordless"] is True


def test_the_first_passkey_verifies_the_session(api, bob, key):
    api.log_in(bob)
    assert api.post(PATH, {"credential": made(api, key)}).status_code == 200
    assert api.user() == "bob"
    assert api.post(f"{LIST}/recovery-codes").status_code == 200


def test_an_answer_counts_once(inside, key):
    credential = made(inside, key)
    assert inside.post(PATH, {"credential": credential, "name": "Key"}).status_code == 200
    assert errors_of(inside.post(PATH, {"credential": credential, "name": "Again"})) == [("incorrect_code", "credential")]
    assert names(inside) == ["Key"]


def test_what_was_made_for_somebody_else_is_not_added(inside, key, bob):
    other = type(inside)()
    other.log_in(bob)
    credential = made(other, key)
    inside.get(PATH)
    assert errors_of(inside.post(PATH, {"credential": credential})) == [("incorrect_code", "credential")]
    assert names(inside) == []


def test_passkeys_are_removed_together(inside, alice):
    ids = []
    for name in ("One", "Two", "Three"):
        Authenticator().enroll(alice, name=name)
    ids = [entry["id"] for entry in inside.get(LIST).json()["data"] if entry.get("name") in {"One", "Two"}]
    assert inside.ask("DELETE", PATH, {"authenticators": ids}).status_code == 200
    assert names(inside) == ["Three"]
    assert AuditEntry.objects.filter(event="device_removed").count() == 2


def test_all_or_none_are_removed(inside, alice, bob):
    mine, theirs = Authenticator().enroll(alice, name="Mine"), Authenticator().enroll(bob, name="Theirs")
    ids = [entry["id"] for entry in inside.get(LIST).json()["data"] if entry["type"] == "webauthn"]
    sign = ids[0] // mine.pk
    assert errors_of(inside.ask("DELETE", PATH, {"authenticators": [*ids, sign * theirs.pk]}))[0][1] == "authenticators"
    assert type(mine).objects.filter(pk__in=[mine.pk, theirs.pk]).count() == 2


def test_where_one_of_them_is_required_none_is_removed(inside, alice, phone, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"everyone": ["webauthn"]}
    ids = [Authenticator().enroll(alice, name=name).pk for name in ("One", "Two")]
    numbers = [entry["id"] for entry in inside.get(LIST).json()["data"] if entry["type"] == "webauthn"]
    assert len(numbers) == len(ids)
    assert errors_of(inside.ask("DELETE", PATH, {"authenticators": numbers})) == [("required", None)]
    assert names(inside) == ["One", "Two"]


def test_another_users_passkey_is_neither_named_nor_removed(inside, bob):
    theirs = Authenticator().enroll(bob, name="Theirs")
    for number in (theirs.pk, -theirs.pk, str(theirs.pk)):
        assert errors_of(inside.ask("PUT", PATH, {"id": number, "name": "Mine"}))[0][1] == "id"
        assert errors_of(inside.ask("DELETE", PATH, {"authenticators": [number]}))[0][1] == "authenticators"
    theirs.refresh_from_db()
    assert theirs.name == "Theirs"


def test_whoever_may_not_have_one_is_not_asked_for_it(inside, key, monkeypatch):
    credential = made(inside, key)
    monkeypatch.setattr("allauth_2fa.adapter.OTPAdapter.is_factor_allowed", lambda *_facts: False)
    assert errors_of(inside.get(PATH)) == errors_of(inside.post(PATH, {"credential": credential})) == [("policy", None)]


@pytest.mark.parametrize("ids", [None, [], "1", {"1": 1}, [[1]], [None], [1.5], ["\x00"], [10**30], ["x" * 10_000]])
def test_what_is_no_list_of_ids_removes_nothing(inside, alice, ids):
    Authenticator().enroll(alice, name="Mine")
    assert errors_of(inside.ask("DELETE", PATH, {"authenticators": ids}))[0][1] == "authenticators"
    assert names(inside) == ["Mine"]


@pytest.mark.parametrize("name", ["", "x" * 65, "\x00", None])
def test_a_name_that_cannot_be_stored_is_refused(inside, alice, name):
    Authenticator().enroll(alice, name="Mine")
    (number,) = [entry["id"] for entry in inside.get(LIST).json()["data"] if entry["type"] == "webauthn"]
    assert errors_of(inside.ask("PUT", PATH, {"id": number, "name": name}))[0][1] == "name"
    assert names(inside) == ["Mine"]


def test_a_model_of_the_projects_own_may_have_keys_of_another_type():
    assert number_of(SimpleNamespace(pk="9f3c")) == "9f3c"


def test_where_there_are_no_passkeys_there_is_no_such_endpoint(client, alice, phone, monkeypatch):
    browser = Browser()
    browser.log_in(alice)
    browser.answer(code_of(phone))
    monkeypatch.setattr("allauth_2fa.devices.passkeys.factor", lambda: None)
    monkeypatch.setattr("allauth_2fa.headless.compat.mfa_supports", lambda _kind: False)
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert browser.ask(method, PATH).status_code == 404
