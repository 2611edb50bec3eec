"""Secrets of hardware tokens are kept like those of authenticator apps."""

from __future__ import annotations

import pytest
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from otp_yubikey.models import YubikeyDevice

from allauth_2fa.encryption import values
from allauth_2fa.exceptions import NotJudged
from allauth_2fa.factors import registry
from tests.cast import give_answer, give_password, is_logged_in
from tests.encryption.keys import NEW, STRANGE, held, put
from tests.encryption.test_command import run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyed")]


def code(secret, at=0):
    return str(oath.hotp(bytes.fromhex(str(secret)), at, 6)).zfill(6)


@pytest.fixture
def token(alice):
    return HOTPDevice.objects.create(user=alice, name="Token", key="ab" * 20)


def test_a_token_is_sealed_and_logs_in(client, alice, token):
    assert held(token) == values.encrypted("ab" * 20, "otp_hotp.hotpdevice.key", str(alice.pk)).stored
    give_password(client, alice)
    assert give_answer(client, code("ab" * 20)).status_code == 302
    assert is_logged_in(client)
    assert HOTPDevice.objects.get().counter == 1
    assert HOTPDevice.objects.get().verify_token(code("ab" * 20, 1))
    assert held(token).startswith("~")


def test_a_token_far_ahead_is_taken_up_again(alice, token):
    pair = code("ab" * 20, 41) + code("ab" * 20, 42)
    registry.factor_of(token).judge(HOTPDevice.objects.get(), pair)
    assert HOTPDevice.objects.get().counter == 43


def test_a_token_whose_key_is_gone_refuses(client, alice, token, use, caplog):
    use(STRANGE)
    factor, device = registry.factor_of(token), HOTPDevice.objects.get()
    assert not factor.accepts(device, code("ab" * 20))
    assert not device.verify_token(code("ab" * 20))
    for answer in (code("ab" * 20), code("ab" * 20, 5) + code("ab" * 20, 6)):
        with pytest.raises(NotJudged):
            factor.judge(HOTPDevice.objects.get(), answer)
    give_password(client, alice)
    assert "could not check your code" in str(give_answer(client, code("ab" * 20)).context["form"].errors)
    assert "otp_hotp.hotpdevice.key" in caplog.text
    use(NEW)
    assert HOTPDevice.objects.get().counter == 0
    assert HOTPDevice.objects.get().verify_token(code("ab" * 20))


def test_the_secret_of_a_token_is_none_of_an_app_of_the_same_owner(alice, token):
    app = TOTPDevice.objects.create(user=alice)
    put(app, held(token))
    assert not TOTPDevice.objects.get().verify_token("123456")
    assert type(TOTPDevice.objects.get().key) is values.Unreadable


def test_status_names_what_is_kept_as_other_models_keep_it(alice, token):
    YubikeyDevice.objects.create(user=alice)
    assert "1 of otp_yubikey.yubikeydevice, which manages its own columns" in run("status")
