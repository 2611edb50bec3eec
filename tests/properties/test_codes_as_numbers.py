"""Codes as scripts give them: numbers in form data, and codes that have lost their leading zeros on the way."""

from __future__ import annotations

import secrets

import pytest
from django.http import HttpRequest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from allauth_2fa.answers import verify
from allauth_2fa.exceptions import Refused
from allauth_2fa.factors import registry
from allauth_2fa.factors.base import as_typed, clean_answer, with_leading_zeros
from allauth_2fa.forms import AddDeviceForm, TOTPAuthenticateForm, TOTPDeviceForm, TOTPDeviceRemoveForm
from allauth_2fa.state.request import request_state
from allauth_2fa.state.store import ChallengeStore
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db

SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
SHAPES = {
    "as it is shown": lambda code: code,
    "without its leading zeros": lambda code: code.lstrip("0"),
    "as a number": int,
    "in two groups": lambda code: f"{code[:3]} {code[3:]}",
}


@pytest.fixture(params=list(SHAPES), ids=lambda shape: shape.replace(" ", "-"))
def shape(request):
    """How a code is given."""
    return SHAPES[request.param]


def let_show_zeros(device, zeros, **facts):
    """Give the device a secret so that its present code begins with exactly that number of zeros."""
    while True:
        device.key = secrets.token_hex(20)
        code = code_of(device)
        # A neighbour of the same number would use its step up.
        if code.startswith("0" * zeros) and code[zeros] != "0":
            break
    TOTPDevice.objects.filter(pk=device.pk).update(key=device.key, last_t=-1, throttling_failure_count=0, **facts)
    return code


zeros = pytest.mark.parametrize("zeros", [0, 1, 2])


@zeros
def test_a_code_opens_the_login_whichever_way_it_is_given(client, alice, phone, shape, zeros):
    code = let_show_zeros(phone, zeros)
    give_password(client, alice)
    assert give_answer(client, shape(code))["Location"] == "/"
    assert is_logged_in(client)


@zeros
@pytest.mark.parametrize("form_class", [TOTPAuthenticateForm, TOTPDeviceRemoveForm])
def test_a_form_takes_it_from_data_that_are_no_text(alice, phone, form_class, shape, zeros):
    code = let_show_zeros(phone, zeros)
    form = form_class(alice, data={"otp_token": shape(code)})
    assert form.is_valid(), form.errors
    assert form.device == phone


@zeros
def test_the_setup_takes_it(alice, shape, zeros):
    device = TOTPDevice.objects.create(user=alice, confirmed=False)
    code = let_show_zeros(device, zeros)
    form = TOTPDeviceForm(alice, data={"otp_token": shape(code)})
    assert form.is_valid(), form.errors
    assert form.save().confirmed


@zeros
def test_the_page_that_adds_another_app_takes_it(alice, phone, shape, zeros):
    device = TOTPDevice.objects.create(user=alice, confirmed=False)
    code = let_show_zeros(device, zeros)
    request = HttpRequest()
    request_state(request).has_proved = True
    form = AddDeviceForm(alice, request, adding=device, store=ChallengeStore({}), data={"otp_token": shape(code)})
    assert form.is_valid(), form.errors
    assert not form.enrolled.is_first
    assert TOTPDevice.objects.filter(confirmed=True).count() == 2


@zeros
def test_the_reauthentication_takes_it(client, alice, phone, shape, zeros):
    login_verified(client, alice, phone)
    code = let_show_zeros(phone, zeros)
    response = client.post(reverse("two-factor-reauthenticate"), {"otp_token": shape(code)})
    assert response.status_code == 302


def test_a_number_that_is_wrong_is_refused_and_counted_as_one(alice, phone):
    code = let_show_zeros(phone, 1)
    form = TOTPAuthenticateForm(alice, data={"otp_token": int(code) + 1_000_000})
    assert form.errors["otp_token"]
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 1


@pytest.mark.parametrize("value", [None, "", 0, True, 1.5, [], {}, ["000000"], b"000000", -1])
@pytest.mark.parametrize("form_class", [TOTPAuthenticateForm, TOTPDeviceRemoveForm, TOTPDeviceForm])
def test_nothing_else_in_the_data_of_a_form_is_an_error_of_the_program(alice, phone, form_class, value):
    assert not form_class(alice, data={"otp_token": value}).is_valid()


def test_the_code_of_the_app_with_as_many_digits_is_taken_before_one_that_lacks_zeros(alice, phone):
    long = TOTPDevice.objects.create(user=alice, name="Eight", confirmed=True, digits=8)
    code = let_show_zeros(long, 2)
    let_show_zeros(phone, 0)
    assert len(code.lstrip("0")) == 6
    # Six digits are the other app's business, while there is one.
    with pytest.raises(Refused):
        verify.answer(alice, code.lstrip("0"))
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 1
    assert verify.answer(alice, code) == long


def test_a_code_that_lacks_zeros_finds_its_app_among_several(alice, phone):
    long = TOTPDevice.objects.create(user=alice, name="Eight", confirmed=True, digits=8)
    let_show_zeros(phone, 0)
    code = let_show_zeros(long, 1)
    assert verify.answer(alice, code.lstrip("0")) == long


def test_a_static_token_of_digits_is_none_beside_an_app(alice, phone):
    let_show_zeros(phone, 0)
    StaticDevice.objects.create(user=alice, name="backup").token_set.create(token="12345")
    with pytest.raises(Refused):
        verify.answer(alice, "12345")
    assert StaticDevice.objects.get().token_set.exists()


def test_a_code_without_its_zeros_counts_once(alice, phone):
    code = let_show_zeros(phone, 1)
    verify.answer(alice, code.lstrip("0"))
    with pytest.raises(Refused):
        verify.answer(alice, code)


def test_three_codes_in_a_row_may_lack_the_zeros_of_the_first(alice, phone):
    code = ""
    while not (code.startswith("0") and code[1] != "0"):
        phone.key = secrets.token_hex(20)
        code = code_of(phone, -2)
    TOTPDevice.objects.filter(pk=phone.pk).update(key=phone.key, last_t=-1)
    assert verify.answer(alice, (code + code_of(phone, -1) + code_of(phone)).lstrip("0")) == phone


@settings(max_examples=200, **SHARED)
@given(number=st.integers(min_value=0, max_value=10**20), digits=st.sampled_from([6, 8]))
@example(number=0, digits=6)
def test_leading_zeros_change_no_number(number, digits):
    filled = with_leading_zeros(str(number), digits)
    assert int(filled) == number
    assert len(filled) % digits == 0
    assert len(filled) - len(str(number)) < digits


@settings(max_examples=200, **SHARED)
@given(text=st.text(max_size=20))
def test_what_is_no_number_stays_as_it_is(text):
    filled = with_leading_zeros(text, 6)
    assert filled == text or (text.isascii() and text.isdigit())


@settings(max_examples=60, **SHARED)
@given(number=st.integers(min_value=-(10**9), max_value=10**9))
def test_no_number_but_the_code_is_one(alice, phone, number):
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    text = clean_answer(as_typed(number))
    if text.isdigit() and int(text) in {int(code_of(phone, offset)) for offset in (-1, 0, 1)}:
        return
    assert not TOTPAuthenticateForm(alice, data={"otp_token": number}).is_valid()


@settings(max_examples=25, **SHARED)
@given(seed=st.binary(min_size=20, max_size=20), digits=st.sampled_from([6, 8]), shape=st.sampled_from(list(SHAPES.values())))
def test_every_code_of_every_app_is_taken_in_every_shape(alice, phone, seed, digits, shape):
    phone.key, phone.digits = seed.hex(), digits
    TOTPDevice.objects.filter(pk=phone.pk).update(
        key=phone.key, digits=digits, last_t=-1, drift=0, throttling_failure_count=0, throttling_failure_timestamp=None
    )
    assert verify.answer(alice, as_typed(shape(code_of(phone)))) == phone


def test_factors_whose_codes_are_no_numbers_leave_answers_alone(alice):
    assert registry.static.filled(StaticDevice(user=alice), "12345") == "12345"
