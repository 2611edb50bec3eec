"""A secret that cannot be read refuses every answer, says why in the log, and loses nothing."""

from __future__ import annotations

import logging
import pickle
from binascii import Error
from copy import deepcopy

import pytest
from django.urls import reverse
from django_otp import match_token  # noqa: TID251 - what code of a host's may call
from django_otp.admin import OTPAdminAuthenticationForm
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.encryption import columns
from allauth_2fa.exceptions import NothingEnrolled, NotJudged
from allauth_2fa.factors import registry
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending
from tests.encryption.keys import NEW, OLD, STRANGE, held, put

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyed")]

STEPS = range(-3, 4)


@pytest.fixture
def lost(phone, use):
    """Alice's authenticator app, whose key the site has no more, and the codes that it shows around now."""
    codes = [code_of(phone, offset) for offset in STEPS]
    use(STRANGE)
    return TOTPDevice.objects.get(), codes


def codes_of(secret):
    """Return the codes around now of a guessed secret."""
    guess = TOTPDevice(key=secret.hex())
    return [code_of(guess, offset) for offset in STEPS]


def test_no_code_is_accepted_by_django_otp(lost, caplog):
    device, codes = lost
    before = held(device)
    assert [code for code in codes if device.verify_token(code)] == []
    assert device.verify_is_allowed() == (False, {"error_message": NotJudged.sentence})
    assert "ALLAUTH_2FA_ENCRYPTION_KEYS has no key" in caplog.text
    assert f"otp_totp.totpdevice.key of row {device.pk}" in caplog.text
    assert held(device) == before
    assert TOTPDevice.objects.get().throttling_failure_count == 0


def test_no_code_made_of_what_is_stored_is_accepted(lost):
    device, _codes = lost
    text = held(device)
    guesses = [text.encode(), text.removeprefix("~").encode(), b"", bytes(20)]
    assert [code for guess in guesses for code in codes_of(guess) if device.verify_token(code)] == []
    with pytest.raises(Error):
        _ = device.bin_key


def test_code_that_knows_nothing_of_us_can_make_no_code_of_it(phone):
    # As when the package was taken out of INSTALLED_APPS, or by a script with a connection of its own.
    with pytest.raises(Error):
        _ = TOTPDevice.bin_key.fget(type("Row", (), {"key": held(phone)}))


def test_all_of_django_otps_ways_refuse_it(rf, alice, lost):
    device, codes = lost
    code = codes[3]
    assert match_token(alice, code) is None
    form = OTPAdminAuthenticationForm(rf.post("/"), {"username": "alice", "password": PASSWORD, "otp_token": code})
    assert not form.is_valid()
    fields = {"username": "alice", "password": PASSWORD, "otp_token": code, "otp_device": device.persistent_id}
    form = OTPAdminAuthenticationForm(rf.post("/"), fields)
    assert not form.is_valid()


def test_three_codes_in_a_row_do_not_open_it_either_and_cost_nothing(client, alice, lost):
    device, codes = lost
    row = "".join(codes[2:5])
    assert not registry.totp.accepts(device, row)
    with pytest.raises(NotJudged):
        registry.totp.judge(TOTPDevice.objects.get(), row)
    give_password(client, alice)
    assert "could not check your code" in str(give_answer(client, row).context["form"].errors)
    assert not is_logged_in(client)


def test_the_page_says_that_the_code_could_not_be_checked(client, alice, lost, caplog):
    _device, codes = lost
    give_password(client, alice)
    for code in codes:
        response = give_answer(client, code)
        assert response.status_code == 200
        assert "could not check your code" in str(response.context["form"].errors)
    assert not is_logged_in(client)
    assert is_pending(client)
    assert caplog.text.count("has no key") >= len(codes)


def test_a_recovery_code_still_helps(client, alice, lost):
    (code,) = registry.recovery.renew(alice, 1)
    give_password(client, alice)
    assert give_answer(client, code).status_code == 302
    assert is_logged_in(client)


def test_a_readable_app_beside_it_still_helps(client, alice, lost):
    other = TOTPDevice.objects.create(user=alice, name="Other")
    give_password(client, alice)
    assert give_answer(client, code_of(other)).status_code == 302
    assert is_logged_in(client)


def test_nothing_is_told_of_it_in_the_log(lost, caplog, phone):
    device, codes = lost
    text, plain = held(device), phone.key
    caplog.set_level(logging.DEBUG)
    for code in codes:
        device.verify_token(code)
        with pytest.raises(NotJudged):
            registry.totp.judge(TOTPDevice.objects.get(), code)
    assert not any(told in caplog.text for told in (text, text[5:], str(plain), *codes))


def test_saving_it_loses_nothing_and_with_the_key_it_is_back(lost, phone, use, bob):
    device, _codes = lost
    before, plain = held(device), str(phone.key)
    device.name = "Another name"
    device.save()
    device.throttle_increment()
    TOTPDevice.objects.bulk_update([device], ["key"])
    TOTPDevice.objects.filter(key=device.key).update(key=device.key)
    assert held(device) == before
    use(NEW, OLD)
    assert TOTPDevice.objects.get().key == plain


def test_a_copy_and_a_pickle_of_it_refuse_too(lost):
    device, codes = lost
    for copied in (deepcopy(device), pickle.loads(pickle.dumps(device))):  # noqa: S301 - our own
        assert not copied.verify_token(codes[3])
        assert columns.is_unreadable(copied)


def test_a_reload_that_brings_it_refuses_too(phone, use):
    code = code_of(phone)
    device = TOTPDevice.objects.get()
    use(STRANGE)
    device.refresh_from_db()
    with pytest.raises(NotJudged):
        registry.totp.judge(device, code)
    with pytest.raises(Error):
        device.verify_token(code)


def test_a_new_secret_makes_the_same_instance_usable_again(lost):
    device, _codes = lost
    device.key = "ab" * 20
    device.save()
    assert device.verify_token(code_of(device))
    assert TOTPDevice.objects.get().key == "ab" * 20


@pytest.mark.parametrize("text", ["no secret", "abc", "~", "!abcdef", "00" * 20 + "g0", " " * 40])
def test_what_is_no_secret_at_all_refuses_as_well_with_keys_and_without(client, alice, phone, use, text):
    put(phone, text)
    for keys in ([NEW], []):
        use(*keys)
        device = TOTPDevice.objects.get()
        assert not device.verify_token("123456")
        assert not registry.totp.accepts(device, "123456")
        with pytest.raises(NotJudged):
            registry.totp.judge(device, "123456")
    assert held(phone) == text


# Moved and changed


def test_a_sealed_secret_in_another_users_row_refuses(alice, bob, phone, caplog):
    theirs = TOTPDevice.objects.create(user=bob)
    put(theirs, held(phone))
    moved = TOTPDevice.objects.get(user=bob)
    assert not moved.verify_token(code_of(phone))
    with pytest.raises(NotJudged):
        registry.totp.judge(moved, code_of(phone))
    assert "it was changed, or it belongs to another user" in caplog.text
    TOTPDevice.objects.filter(pk=theirs.pk).update(key=phone.key)
    assert not TOTPDevice.objects.get(user=bob).verify_token(code_of(phone))


def test_a_row_that_was_given_to_another_user_past_the_model_refuses(bob, phone):
    TOTPDevice.objects.update(user=bob)
    assert not TOTPDevice.objects.get().verify_token(code_of(phone))


def test_a_secret_that_an_attacker_has_written_into_the_row_is_one_that_the_attacker_knows(phone):
    # Who can write to the database can put in a readable secret: sealing keeps secrets, and no more. The docs say so.
    put(phone, "ab" * 20)
    assert TOTPDevice.objects.get().verify_token(code_of(TOTPDevice(key="ab" * 20)))


# The setup


def test_a_setup_whose_secret_is_lost_restarts(client, alice, use):
    give_password(client, alice)
    first = client.get(reverse("two-factor-setup")).context["secret"]
    lost_code = code_of(TOTPDevice.objects.get())
    use(STRANGE)
    response = client.post(reverse("two-factor-setup"), {"otp_token": lost_code})
    assert response.status_code == 200
    assert "A newer setup has replaced this one." in str(response.context["form"].errors)
    page = client.get(reverse("two-factor-setup"))
    assert page.context["secret"] != first
    device = TOTPDevice.objects.get()
    assert client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)}).status_code == 302
    assert TOTPDevice.objects.get().confirmed


def test_a_lost_secret_is_never_confirmed(alice, use):
    waiting = registry.totp.begin(alice)
    code = code_of(waiting)
    use(STRANGE)
    with pytest.raises(NothingEnrolled):
        registry.totp.complete(TOTPDevice.objects.get(), code)
    assert not TOTPDevice.objects.get().confirmed
