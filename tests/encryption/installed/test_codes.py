"""Codes that are sent work as they did, and the database keeps digests of them."""

from __future__ import annotations

import pickle
import re
from datetime import timedelta

import pytest
from django.core import serializers
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_email.models import EmailDevice
from otp_twilio.models import TwilioSMSDevice

from allauth_2fa.devices import sending
from allauth_2fa.encryption import cipher, columns, values
from allauth_2fa.exceptions import DeviceRefused, NotJudged
from allauth_2fa.factors import registry
from allauth_2fa.models import SentCode
from allauth_2fa.state.store import ChallengeStore
from tests.cast import give_answer, give_password, is_logged_in
from tests.encryption.keys import NEW, OLD, STRANGE, held, put
from tests.encryption.test_command import run
from tests.pager.models import LoudPager, Pager, QuietPager

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyed")]

CHALLENGE = "/accounts/two-factor/authenticate/"


@pytest.fixture
def pager(alice):
    Pager.sent.clear()
    return Pager.objects.create(user=alice, name="Red pager")


def wrong(code):
    return "000000" if code != "000000" else "111111"


def test_a_code_is_plain_while_it_is_sent_and_a_digest_in_the_database(pager):
    pager.generate_challenge()
    (code,) = Pager.sent
    assert code.isdigit()
    assert pager.token == code
    assert f"{pager.token}" == code
    assert cipher.is_digest(held(pager, "token"))
    assert code not in held(pager, "token")


@pytest.mark.parametrize("model", [Pager, QuietPager, LoudPager])
def test_a_code_is_accepted_once_after_a_reload(alice, model):
    Pager.sent.clear()
    device = model.objects.create(user=alice, name="Pager")
    device.generate_challenge()
    code = str(Pager.sent[0])
    assert not model.objects.get().verify_token(wrong(code))
    Pager.objects.update(throttling_failure_count=0)
    assert model.objects.get().verify_token(code)
    assert held(device, "token") is None
    assert not model.objects.get().verify_token(code)


def test_the_instance_that_has_sent_it_accepts_it_too(pager):
    pager.generate_challenge()
    assert pager.verify_token(str(Pager.sent[0]))


def test_a_code_that_is_too_old_is_refused(pager):
    pager.generate_challenge()
    Pager.objects.update(valid_until=timezone.now() - timedelta(seconds=1))
    assert not Pager.objects.get().verify_token(str(Pager.sent[0]))


def test_a_code_by_mail_stands_in_the_mail_and_works(alice, mailoutbox, settings):
    settings.OTP_EMAIL_SUBJECT = "Your code: {token}"
    device = EmailDevice.objects.create(user=alice, name="Mail")
    device.generate_challenge()
    code = mailoutbox[0].body.strip()
    assert mailoutbox[0].subject == f"Your code: {code}"
    assert cipher.is_digest(held(device, "token"))
    assert EmailDevice.objects.get().verify_token(code)


def test_a_code_by_message_stands_in_the_message_and_works(alice, monkeypatch):
    messages = []
    monkeypatch.setattr(TwilioSMSDevice, "_deliver_token", lambda self, message: messages.append(message))
    device = TwilioSMSDevice.objects.create(user=alice, number="+15551234")
    device.generate_challenge()
    assert cipher.is_digest(held(device, "token"))
    assert TwilioSMSDevice.objects.get().verify_token(str(messages[0]))


def test_nothing_that_the_database_holds_is_a_code(pager):
    pager.generate_challenge()
    text = held(pager, "token")
    for answer in (text, text[1:], str(Pager.objects.get().token), Pager.objects.values_list("token", flat=True)[0]):
        Pager.objects.update(throttling_failure_count=0)
        assert not Pager.objects.get().verify_token(answer)


def test_a_digest_is_no_code_when_the_keys_are_gone(pager, use):
    pager.generate_challenge()
    text = held(pager, "token")
    for keys in ([STRANGE], []):
        use(*keys)
        for answer in (text, str(Pager.sent[0])):
            Pager.objects.update(throttling_failure_count=0)
            assert not Pager.objects.get().verify_token(answer)


def test_a_digest_in_another_users_row_or_another_table_is_no_code(alice, bob, pager):
    pager.generate_challenge()
    text, soon = held(pager, "token"), timezone.now() + timedelta(minutes=5)
    theirs = Pager.objects.create(user=bob, valid_until=soon)
    mail = EmailDevice.objects.create(user=alice, valid_until=soon)
    for device in (theirs, mail):
        put(device, text, "token")
        assert not type(device).objects.get(pk=device.pk).verify_token(str(Pager.sent[0]))


def test_a_code_is_still_good_after_the_key_was_rotated(pager, use):
    use(OLD)
    pager.generate_challenge()
    use(NEW, OLD)
    before = held(pager, "token")
    run("rotate")
    assert held(pager, "token") == before
    assert Pager.objects.get().verify_token(str(Pager.sent[0]))


# Logins


def test_a_login_by_a_code_that_is_sent(client, alice, pager):
    give_password(client, alice)
    (code,) = Pager.sent
    assert "That code is not right" in str(give_answer(client, wrong(code)).context["form"].errors)
    # The judged answer has saved the row: what was sent is still what was sent.
    Pager.objects.update(throttling_failure_count=0)
    assert give_answer(client, str(code)).status_code == 302
    assert is_logged_in(client)


def test_of_a_code_that_was_sent_for_a_login_nothing_is_kept_that_tells_it(alice, pager, use):
    use()
    store = ChallengeStore({})
    sending.send(None, alice, pager.persistent_id, store)
    row = SentCode.objects.values().get()
    assert row["name"] == store.sent[pager.persistent_id]
    assert not [value for value in (*row.values(), *store.sent.values()) if Pager.sent[0] in str(value).split()]
    assert re.fullmatch("[0-9a-f]{64}", row["digest"])
    assert SentCode.objects.get().is_code(Pager.sent[0])
    with_another_name = SentCode(name="other", device=row["device"], digest=row["digest"])
    assert not with_another_name.is_code(Pager.sent[0])


def test_a_code_counts_for_the_login_that_asked_for_it(client, alice, pager):
    give_password(client, alice)
    thief = Client()
    give_password(thief, alice)
    assert "has expired" in str(give_answer(thief, str(Pager.sent[0])).context["form"].errors)
    assert not is_logged_in(thief)


def test_a_judge_without_usable_keys_refuses(alice, pager, settings):
    pager.generate_challenge()
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = ["too short"]
    with pytest.raises(NotJudged):
        registry.factor_of(pager).judge(pager, str(Pager.sent[0]))


# Other ways in and out


def test_readable_codes_of_before_still_work_and_are_digested_at_the_next_save(pager):
    put(pager, "424242", "token")
    Pager.objects.update(valid_until=timezone.now() + timedelta(minutes=5))
    assert not Pager.objects.get().verify_token("111111")
    assert cipher.is_digest(held(pager, "token"))
    Pager.objects.update(throttling_failure_count=0)
    assert Pager.objects.get().verify_token("424242")


@pytest.mark.parametrize("token", [None, ""])
def test_no_code_stays_no_code(pager, token):
    pager.token = token
    pager.save()
    assert held(pager, "token") == token
    assert not Pager.objects.get().verify_token("")


def test_a_code_that_looks_like_a_digest_is_never_accepted_as_it_stands(pager, use):
    use()
    put(pager, ":looks-like-one.", "token")
    Pager.objects.update(valid_until=timezone.now() + timedelta(minutes=5))
    assert not Pager.objects.get().verify_token(":looks-like-one.")


def test_bulk_created_and_dumped_codes_are_digests(alice, pager):
    (device,) = Pager.objects.bulk_create([Pager(user=alice, token="271828")])
    assert cipher.is_digest(held(device, "token"))
    device.token = "314159"
    Pager(user=alice, token="161803")
    dumped = serializers.serialize("json", [device, Pager(user=alice, token="161803")])
    assert not any(code in dumped for code in ("314159", "161803", "271828"))
    for loaded in serializers.deserialize("json", serializers.serialize("json", Pager.objects.filter(pk=device.pk))):
        loaded.save()
    Pager.objects.update(valid_until=timezone.now() + timedelta(minutes=5))
    assert Pager.objects.get(pk=device.pk).verify_token("271828")


def test_a_fixture_with_a_readable_code_is_loaded_as_a_digest(alice, pager):
    for loaded in serializers.deserialize("python", [{"model": "pager.pager", "pk": 99, "fields": {"user": alice.pk, "token": "271828"}}]):
        loaded.save()
    assert cipher.is_digest(held(Pager.objects.get(pk=99), "token"))


def test_the_command_digests_readable_codes_and_takes_digests_away_when_it_decrypts(pager, alice):
    put(pager, "424242", "token")
    assert "1 readable" in run("status", code=3)
    run("encrypt")
    Pager.objects.update(valid_until=timezone.now() + timedelta(minutes=5))
    assert "1 kept as digests" in run("status")
    assert Pager.objects.get().token == "424242"
    run("decrypt")
    assert held(pager, "token") is None


def test_a_deferred_code_and_one_without_its_owner_are_compared(pager):
    pager.generate_challenge()
    assert Pager.objects.defer("token").get().token == Pager.sent[0]
    assert Pager.objects.only("token").get().token == Pager.sent[0]
    assert Pager.objects.get().verify_token(str(Pager.sent[0]))


def test_a_column_that_is_too_short_for_a_digest_is_left_alone():
    assert columns._class_for(Pager._meta.get_field("token")) is columns.CodeField
    short = Pager._meta.get_field("token").clone()
    short.model, short.attname, short.max_length = Pager, "token", 15
    assert columns._class_for(short) is None
    short.max_length = None
    assert columns._class_for(short) is columns.CodeField


def test_guessing_a_code_is_still_throttled(alice, pager):
    pager.generate_challenge()
    with pytest.raises(DeviceRefused):
        registry.factor_of(pager).judge(pager, wrong(str(Pager.sent[0])))
    assert not Pager.objects.get().verify_is_allowed()[0]


def test_a_code_in_a_pickle_is_a_digest(pager):
    pager.generate_challenge()
    frozen = pickle.dumps(pager)
    assert str(Pager.sent[0]).encode() not in frozen
    assert type(pickle.loads(frozen).token) is values.Digested  # noqa: S301 - our own
    assert pickle.loads(frozen).verify_token(str(Pager.sent[0]))  # noqa: S301 - our own
