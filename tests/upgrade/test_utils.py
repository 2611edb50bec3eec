"""The helpers of 0.x."""

from __future__ import annotations

from base64 import b32decode
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from allauth.core import context
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.urls import resolve

from allauth_2fa import utils

pytestmark = pytest.mark.django_db


def test_the_secret_is_in_base_32(phone):
    assert b32decode(utils.get_device_base32_secret(phone)) == phone.bin_key
    assert len(utils.get_device_base32_secret(phone)) == 32


def test_the_qr_code_is_an_svg_document_in_bytes(phone):
    document = utils.generate_totp_config_svg(phone, "Shop", "Shop: alice")
    assert isinstance(document, bytes)
    root = ET.fromstring(document)  # noqa: S314 - it was made in the line above
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert document == utils.generate_totp_config_svg(device=phone, issuer="Shop", label="Shop: alice")


def test_the_qr_code_tells_the_app_what_it_has_to_know(phone):
    phone.digits, phone.step = 8, 60
    address = urlsplit(utils.otpauth_url(phone, "Shop & Söhne", "Shop & Söhne: alice"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert parse_qs(address.query) == {
        "secret": [utils.get_device_base32_secret(phone)],
        "issuer": ["Shop & Söhne"],
        "digits": ["8"],
        "period": ["60"],
    }


def test_only_a_confirmed_device_counts_as_valid(alice, bob, unfinished):
    assert not utils.user_has_valid_totp_device(alice)
    unfinished.confirmed = True
    unfinished.save()
    assert utils.user_has_valid_totp_device(alice)
    assert not utils.user_has_valid_totp_device(bob)
    assert not utils.user_has_valid_totp_device(AnonymousUser())


def query_string_of(path: str, data: dict[str, str] | None = None) -> str | None:
    """Ask in a request to that page, which allauth knows as the one that is being served."""
    request = RequestFactory().post(path, data) if data else RequestFactory().get(path)
    request.resolver_match = resolve(request.path)
    with context.request_context(request):
        return utils.get_next_query_string(request)


def test_the_query_string_of_a_login_page_is_kept_with_its_next():
    assert query_string_of("/accounts/login/?a=1&next=/till/") == "?a=1&next=%2Ftill%2F"


def test_next_may_come_from_the_form():
    assert query_string_of("/accounts/login/?a=1", {"next": "/till/"}) == "?a=1&next=%2Ftill%2F"


def test_a_parameter_that_is_given_twice_is_kept_twice():
    assert query_string_of("/accounts/login/?a=1&a=2&next=/till/") == "?a=1&a=2&next=%2Ftill%2F"


def test_a_view_that_is_no_login_adds_nothing():
    assert query_string_of("/?a=1") == "?a=1"
    assert query_string_of("/") is None


@pytest.mark.parametrize("request_like", [object(), None, SimpleNamespace(resolver_match=None), RequestFactory().get("/")])
def test_there_is_none_where_nothing_can_be_found_out(request_like):
    assert utils.get_next_query_string(request_like) is None
