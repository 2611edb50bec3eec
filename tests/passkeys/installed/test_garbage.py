"""Any text at all, where a browser's JSON is expected: a clear refusal, and never an error page."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from allauth_2fa.devices import passkeys
from allauth_2fa.exceptions import PasskeyNotAdded, Refused
from allauth_2fa.factors import registry
from allauth_2fa.state.store import ChallengeStore
from tests.cast import give_password, is_logged_in, is_pending
from tests.passkeys.authenticator import bytes_of, text_of

from .conftest import ADD, LOGIN, PROVE, options_from

pytestmark = pytest.mark.django_db

SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
texts = st.text(st.characters(codec="utf-8"), max_size=80)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.binary(max_size=80).map(text_of)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=6,
)
NAMES = ("clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject", "transports")
responses = st.one_of(values, st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, values)))
TOP = {"id": values, "rawId": values, "type": st.one_of(values, st.just("public-key")), "clientExtensionResults": values}
envelopes = st.fixed_dictionaries({"response": responses}, optional=TOP).map(json.dumps)
anything = st.one_of(texts, envelopes, envelopes.map(lambda text: text.ljust(80)), values.map(json.dumps))

DEEP = "{" + '"a":' + "[" * 8000
LONG = json.dumps({"response": "x" * 70_000})
NUMBER = '{"response": ' + "1" * 6000 + "}"
SURROGATE = json.dumps({"id": "\ud800", "rawId": "\ud800", "response": {"clientDataJSON": "\ud800"}}).ljust(80)


def mutations(credential, change, at):
    """Return what the browser has handed over, with one of its parts damaged."""
    damaged = json.loads(credential)
    place = damaged["response"] if at in damaged["response"] else damaged
    place[at] = change(place[at])
    return json.dumps(damaged)


@settings(max_examples=60, **SHARED)
@given(text=anything)
@example(text=DEEP)
@example(text=LONG)
@example(text=NUMBER)
@example(text=SURROGATE)
def test_at_the_challenge_it_is_refused_and_the_login_goes_on_waiting(client, alice, passkey, text):
    if not is_pending(client):
        give_password(client, alice)
    options_from(client, PROVE)
    response = client.post(reverse(PROVE), {"otp_token": text})
    assert response.status_code == 200
    assert response.context["passkey_error"] or response.context["form"].errors
    assert is_pending(client)


@settings(max_examples=60, **SHARED)
@given(text=anything)
@example(text=DEEP)
@example(text=LONG)
@example(text=NUMBER)
@example(text=SURROGATE)
def test_without_a_password_it_is_refused(client, passwordless, text):
    options_from(client, LOGIN)
    response = client.post(reverse(LOGIN), {"credential": text})
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/")
    assert not is_logged_in(client)


@settings(max_examples=60, **SHARED)
@given(text=anything)
@example(text=DEEP)
@example(text=LONG)
@example(text=NUMBER)
@example(text=SURROGATE)
def test_where_passkeys_are_added_it_adds_nothing(client, alice, text):
    if not is_logged_in(client):
        give_password(client, alice)
    options_from(client, ADD)
    response = client.post(reverse(ADD), {"credential": text})
    assert response.status_code == 200
    assert response.context["form"].non_field_errors()


@settings(max_examples=150, **SHARED)
@given(at=st.sampled_from(["id", "rawId", "type", "clientDataJSON", "authenticatorData", "signature"]), data=st.data())
def test_a_right_answer_with_one_part_damaged_is_refused(rf, alice, passkey, authenticator, at, data):
    given_options, question = registry.by_id("webauthn").ask(passkeys.helper(rf.get("/")), alice)
    place = ChallengeStore({})
    passkeys.keep(place, passkeys.PROVING, alice, question)
    credential = authenticator.get(given_options)
    damaged = mutations(credential, lambda _part: data.draw(values), at)
    if json.loads(damaged) == json.loads(credential):
        return
    with pytest.raises(Refused):
        passkeys.answer(None, alice, damaged, [passkey], place)


@settings(max_examples=100, **SHARED)
@given(place=st.integers(min_value=0, max_value=400), byte=st.integers(min_value=0, max_value=255))
def test_a_new_passkey_with_one_byte_damaged_is_refused_or_is_another_one(rf, alice, authenticator, place, byte):
    """Without an attestation, nothing signs a new passkey: a changed key is another key, which nobody has."""
    helper = passkeys.helper(rf.get("/"))
    judge = registry.by_id("webauthn")
    given_options, question = judge.ask_for_new(helper, alice, passwordless=False)
    envelope = json.loads(authenticator.create(given_options))
    raw = bytearray(bytes_of(envelope["response"]["attestationObject"]))
    raw[place % len(raw)] = byte
    envelope["response"]["attestationObject"] = text_of(bytes(raw))
    try:
        device, _verified = judge.add(helper, alice, json.dumps(envelope), question)
    except PasskeyNotAdded:
        return
    device.delete()
    assert device.user == alice
