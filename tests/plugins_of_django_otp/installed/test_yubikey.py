"""YubiKeys whose codes a validation service checks: added by the first touch, answered for by the next ones."""

from __future__ import annotations

from contextlib import closing

import pytest
from django.test import Client
from otp_yubikey.models import RemoteYubikeyDevice, ValidationService

from allauth_2fa.checks.requirement import check_required_factors
from allauth_2fa.exceptions import AlreadyAdded, DeviceRefused, NothingEnrolled
from allauth_2fa.factors import registry
from tests.cast import give_answer, give_password, is_logged_in
from tests.plugins_of_django_otp.validation import API_KEY, Key, ValidationServer

pytestmark = pytest.mark.django_db

ADD = "/accounts/two-factor/factors/add/yubikey/"
CHALLENGE = "/accounts/two-factor/authenticate/"
OVERVIEW = "/accounts/two-factor/factors/"


@pytest.fixture
def server():
    with closing(ValidationServer()) as server:
        yield server


@pytest.fixture
def service(server):
    return ValidationService.objects.create(
        name="ours", api_id=1, api_key=API_KEY, base_url=server.url, use_ssl=False, param_sl="", param_timeout=""
    )


@pytest.fixture
def key(alice, server, service):
    """A key of Alice's."""
    key = server.make_key()
    RemoteYubikeyDevice.objects.create(user=alice, name="Blue key", service=service, public_id=key.public_id.decode())
    return key


def message_of(response):
    return response.context["form"].errors["otp_token"][0]


def test_a_touch_opens_the_login_once(client, alice, key):
    give_password(client, alice)
    page = client.get(CHALLENGE).text
    assert "Use <strong><bdi>Blue key</bdi></strong>." in page
    assert "Click the field and touch the key." in page
    touch = key.touch()
    assert give_answer(client, touch).status_code == 302
    record = client.session["account_authentication_methods"][-1]
    assert (record["method"], record["type"]) == ("mfa", "yubikey")
    other = Client()
    give_password(other, alice)
    assert message_of(give_answer(other, touch)) == DeviceRefused().message
    assert not is_logged_in(other)


def test_capital_letters_are_what_the_keyboard_has_made(client, alice, key):
    give_password(client, alice)
    assert give_answer(client, key.touch().upper()).status_code == 302


def test_another_key_of_the_service_opens_nothing(client, alice, server, key):
    give_password(client, alice)
    assert message_of(give_answer(client, server.make_key().touch())) == DeviceRefused().message
    assert server.asked == 0


def test_a_key_is_added_by_its_first_touch(verified, server, service):
    page = verified.get(ADD).text
    assert "Click the field and touch the key." in page
    assert 'inputmode="text"' in page
    key = server.make_key()
    assert verified.post(ADD, {"otp_token": key.touch(), "name": "Green key"}).url == OVERVIEW
    device = RemoteYubikeyDevice.objects.get()
    assert (device.public_id, device.confirmed, device.name) == (key.public_id.decode(), True, "Green key")
    assert "YubiKey" in verified.get(OVERVIEW).text


@pytest.mark.parametrize("typed", ["123456", "c" * 32, "x" * 44, "c" * 65])
def test_what_no_key_types_is_not_sent_to_the_service(verified, server, service, typed):
    verified.get(ADD)
    assert "otp_token" in verified.post(ADD, {"otp_token": typed}).context["form"].errors
    assert server.asked == 0


def test_a_key_that_the_service_does_not_know_is_not_added(verified, server, service):
    verified.get(ADD)
    assert message_of(verified.post(ADD, {"otp_token": Key().touch()})) == DeviceRefused().message
    assert server.asked == 1
    assert not RemoteYubikeyDevice.objects.filter(confirmed=True).exists()


def test_a_key_is_added_once(verified, server, key):
    verified.get(ADD)
    assert message_of(verified.post(ADD, {"otp_token": key.touch()})) == AlreadyAdded().message
    assert server.asked == 0


def test_a_code_that_somebody_has_used_elsewhere_adds_no_key(verified, server, service):
    key = server.make_key()
    touch = key.touch()
    server.judge(touch.encode())
    verified.get(ADD)
    assert message_of(verified.post(ADD, {"otp_token": touch})) == DeviceRefused().message


def test_a_touch_is_no_guess_and_other_answers_are(server, service):
    factor = registry.by_id("yubikey")
    assert not factor.is_guess(server.make_key().touch())
    assert factor.is_guess("123456")


def test_the_checks_ask_no_database_for_a_service(settings, django_assert_num_queries):
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"staff": ["yubikey"]}
    with django_assert_num_queries(0):
        assert not [message.id for message in check_required_factors() if message.id in {"allauth_2fa.E061", "allauth_2fa.W061"}]


def test_without_a_service_no_key_can_be_added(verified, alice):
    assert "YubiKey" not in verified.get(OVERVIEW).text
    assert verified.get(ADD).status_code == 404
    with pytest.raises(NothingEnrolled):
        registry.by_id("yubikey").begin(alice)
