"""Any text at all, as a code, as a device, as a cookie, as a place to go to."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from allauth_2fa.answers import verify as flow
from allauth_2fa.exceptions import LoginEnded, Refused
from allauth_2fa.factors import lookup, registry
from allauth_2fa.factors.base import clean_answer
from allauth_2fa.models import is_recovery_code
from tests.cast import code_of, give_password, is_logged_in, is_pending

pytestmark = pytest.mark.django_db

SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
texts = st.text(st.characters(codec="utf-8"), max_size=80)
digits = st.text(st.characters(categories=["Nd"]), min_size=1, max_size=10)
codes = st.from_regex(r"[0-9a-zA-Z -]{14,24}", fullmatch=True)
answers = st.one_of(texts, digits, codes, st.just("1" * 5000))


@settings(max_examples=150, **SHARED)
@given(text=answers, device=st.one_of(st.none(), texts))
@example(text="\x00", device=None)
@example(text="\x00" * 16, device="\x00")
def test_no_text_but_the_code_answers(alice, phone, text, device):
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    if clean_answer(text) in {code_of(phone, offset) for offset in (-1, 0, 1)}:
        return
    with pytest.raises(Refused):
        flow.answer(alice, text, device)


@settings(max_examples=60, **SHARED)
@given(text=answers)
def test_no_text_answers_for_somebody_without_a_device(bob, text):
    with pytest.raises(LoginEnded):
        flow.answer(bob, text)


@settings(max_examples=25, **SHARED)
@given(text=answers, device=texts)
def test_any_text_on_the_page_is_refused_there_and_loses_nothing(client, alice, phone, text, device):
    registry.static.renew(alice, 1)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    StaticDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    if not is_pending(client):
        give_password(client, alice)
    if clean_answer(text) in {code_of(phone, offset) for offset in (-1, 0, 1)}:
        return
    response = client.post(reverse("two-factor-authenticate"), {"otp_token": text, "device": device})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not is_logged_in(client)


@settings(max_examples=200, **SHARED)
@given(text=answers)
def test_reading_an_answer_never_fails_and_leaves_no_blanks(text):
    assert not any(symbol.isspace() for symbol in clean_answer(text))
    assert is_recovery_code(text) in {True, False}


@settings(max_examples=40, **SHARED)
@given(persistent_id=st.one_of(st.none(), texts, st.from_regex(r"otp_totp\.totpdevice/[0-9a-f-]{0,25}", fullmatch=True)))
def test_no_text_names_a_device_that_is_not_ones_own(bob, phone, persistent_id):
    assert lookup.load(persistent_id, bob) is None


@settings(max_examples=40, **SHARED)
@given(target=st.one_of(texts, st.from_regex(r"[/\\]{0,3}[a-z:@.]{0,9}[/\\]{0,2}evil\.example", fullmatch=True)))
def test_no_text_leads_to_another_site(client, alice, phone, target):
    client.logout()
    TOTPDevice.objects.update(last_t=-1)
    response = give_password(client, alice, next=target)
    response = client.post(response["Location"], {"otp_token": code_of(phone), "next": target})
    assert is_logged_in(client)
    location = response["Location"]
    assert urlsplit(location.replace("\\", "/")).netloc in {"", "testserver"}
    assert urlsplit(location).scheme in {"", "http"}


@settings(max_examples=30, **SHARED)
@given(value=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=50))
def test_any_marker_cookie_opens_nothing(client, alice, phone, value):
    client.cookies["allauth_2fa_pending"] = value
    assert client.get("/").text in {"user: AnonymousUser", "user: "}
    assert not is_logged_in(client)
