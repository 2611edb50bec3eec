"""Codes that are sent, while somebody else who knows the password has codes sent too: each belongs to its login."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from allauth_2fa.devices import sending
from allauth_2fa.exceptions import NotDelivered, NotSent, TooSoon
from allauth_2fa.factors import asked, registry
from allauth_2fa.models import Browser, SentCode
from allauth_2fa.state.store import ChallengeStore
from tests.cast import give_answer, give_password, is_logged_in
from tests.pager.models import Beeper, Pager
from tests.plugins_of_django_otp.installed.conftest import age_sent_codes

pytestmark = pytest.mark.django_db

CHALLENGE = "/accounts/two-factor/authenticate/"
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.fixture
def clock():
    with time_machine.travel(1_767_225_605, tick=False) as clock:
        yield clock


@pytest.fixture
def pager(alice, settings):
    settings.ALLAUTH_2FA_FACTORS = ["pager.pager", "recovery_codes"]
    Pager.sent.clear()
    return Pager.objects.create(user=alice, name="Red pager")


@pytest.fixture
def beeper(alice, settings):
    settings.ALLAUTH_2FA_FACTORS = ["pager.beeper"]
    Beeper.sent.clear()
    return Beeper.objects.create(user=alice, name="Beeper")


@pytest.fixture(params=["mailbox", "telephone", "pager", "beeper"])
def sender(request, gateway):
    """A device that sends codes."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def sent(sender, gateway):
    """Return the codes that have arrived."""

    def arrived():
        mails = [re.search(r"^ {4}(\d{3} \d{3})$", each.body, re.MULTILINE)[1] for each in mail.outbox if "] Your " in each.subject]
        return mails + [message.code for message in gateway.sent] + Pager.sent + Beeper.sent

    Pager.sent.clear()
    Beeper.sent.clear()
    return arrived


def sign_in(client, user, arrived):
    """Sign in by the code that has arrived last; return whether that was it."""
    client.cookies.pop("sessionid", None)
    give_password(client, user)
    client.post(CHALLENGE, {"action": "send"})
    give_answer(client, arrived()[-1])
    return is_logged_in(client)


def test_the_owner_gets_in_at_home_while_somebody_else_takes_each_moment(client, alice, clock, sender, sent):
    assert sign_in(client, alice, sent)
    thief = Client()
    for _moment in range(5):
        clock.shift(MINUTE + 1)
        give_password(thief, alice)
        thief.post(CHALLENGE, {"action": "send", "device": sender.persistent_id})
        give_answer(thief, "000000")
    assert sign_in(client, alice, sent)


def test_a_code_that_was_sent_to_another_login_invalidates_none(client, alice, clock, sender, sent):
    give_password(client, alice)
    own = sent()[-1]
    clock.shift(MINUTE + 1)
    thief = Client()
    give_password(thief, alice)
    stolen = sent()[-1]
    assert len(sent()) == 2
    assert give_answer(thief, own).status_code == 200
    clock.shift(MINUTE)
    assert give_answer(client, stolen).status_code == (302 if own == stolen else 200)
    clock.shift(MINUTE)
    assert give_answer(client, own).status_code == 302
    clock.shift(MINUTE)
    assert give_answer(thief, stolen).status_code == 302


def test_all_new_browsers_together_have_one_moment(alice, clock, sender, sent):
    for _browser in range(4):
        give_password(Client(), alice)
    assert len(sent()) == 1


def test_a_known_browser_has_its_own_cooldown(client, alice, clock, sender, sent):
    assert sign_in(client, alice, sent)
    clock.shift(MINUTE + 1)
    before = len(sent())
    for _login in range(3):
        client.cookies.pop("sessionid", None)
        give_password(client, alice)
    assert len(sent()) == before + 1
    assert client.get(CHALLENGE).context["resend"] is not None or isinstance(sender, Beeper)


def fill(device, number, within, browser=None):
    """Have a number of codes sent, within a number of seconds before now."""
    for code in range(number):
        row = SentCode.note(device, browser)
        SentCode.objects.filter(pk=row.pk).update(created_at=row.created_at - timedelta(seconds=within * (code + 1) / (number + 1)))


@pytest.mark.parametrize(
    ("in_new", "in_one", "in_another", "within", "goes"),
    [
        (19, 0, 0, HOUR, {"new", "known"}),
        (20, 0, 0, HOUR, {"known"}),
        (0, 20, 0, HOUR, {"new"}),
        (0, 19, 20, HOUR, {"new", "known"}),
        (0, 19, 21, HOUR, {"new"}),
        (50, 0, 0, DAY, {"known"}),
        (0, 50, 0, DAY, {"new"}),
        (0, 49, 51, DAY, {"new"}),
    ],
)
def test_no_more_messages_leave_in_an_hour_and_a_day_than_the_site_pays_for(
    alice, pager, rf, clock, in_new, in_one, in_another, within, goes
):
    home = Browser.objects.create(user=alice, digest="x" * 64)
    pager.last_generated_timestamp = None
    fill(pager, in_new, within)
    fill(pager, in_one, within, home.pk)
    fill(pager, in_another, within, home.pk + 1)
    age_sent_codes(MINUTE)
    places = {"new": None, "known": home.pk}
    sent = SentCode.last_day(pager)
    assert {name for name, here in places.items() if sending._is_too_soon(Pager.objects.get(), here, sent) is None} == goes


def test_when_there_is_room_again_is_told(alice, pager, clock):
    fill(pager, 20, HOUR)
    oldest = SentCode.objects.order_by("created_at").first()
    with pytest.raises(TooSoon) as refusal:
        sending.send(None, alice, pager.persistent_id, ChallengeStore({}))
    assert refusal.value.until == oldest.created_at + timedelta(hours=1)
    clock.move_to(refusal.value.until + timedelta(seconds=1))
    sending.send(None, alice, pager.persistent_id, ChallengeStore({}))


def test_what_could_not_be_sent_counts_too(alice, telephone, gateway, clock):
    gateway.is_broken = True
    store = ChallengeStore({})
    for _try in range(25):
        with pytest.raises((NotDelivered, TooSoon)):
            sending.send(None, alice, telephone.persistent_id, store)
        cache.clear()
        clock.shift(31)
    assert gateway.asked == 20
    assert store.sent == {}
    assert not SentCode.objects.filter(used_at=None).exists()


def test_what_is_older_than_a_day_is_deleted(alice, pager, clock):
    fill(pager, 3, HOUR)
    clock.shift(DAY + HOUR)
    sending.send(None, alice, pager.persistent_id, ChallengeStore({}))
    assert SentCode.objects.count() == 1


def test_a_code_answers_for_no_other_device_and_no_other_user(alice, bob, pager):
    store = ChallengeStore({})
    sending.send(None, alice, pager.persistent_id, store)
    (name,) = store.sent.values()
    theirs, second = Pager.objects.create(user=bob), Pager.objects.create(user=alice)
    for device in (theirs, second):
        sending.bind([device], ChallengeStore({"sent": {device.persistent_id: name}}))
        with pytest.raises(NotSent):
            sending.ensure_sent(device)


def test_a_model_may_compare_in_its_own_way(alice, pager):
    """What stands for the code equals it, whatever the model has made of the answer."""

    def judged(answer):
        device = Pager.objects.get()
        device.throttling_failure_count = 0
        device.verify_token = lambda token: Pager.verify_token(device, token.upper())
        return asked.verifies(sent, device, answer)

    pager.token, pager.valid_until = "ABC123", timezone.now() + timedelta(minutes=5)
    pager.save()
    sent = SentCode.note(pager, None)
    assert not judged("abc124")
    assert judged("abc123")
    assert not judged("abc123"), "it works once"


def test_what_stands_for_a_code_equals_that_alone(alice, pager):
    pager.token = "424242"
    sent = SentCode.note(pager, None)
    token, other = asked.standing_for(sent, "1"), asked.standing_for(sent, "2")
    assert token == "424242"
    assert token != "424243"
    assert token != other
    assert token != 424242
    assert hash(token) == hash("")
    assert str(sent) == f"sent code {sent.pk}"
    assert "424242" not in repr(token)


def test_a_model_that_keeps_its_code_elsewhere_judges_by_itself(alice, pager):
    device = Pager.objects.get()
    device.token = None
    sent = SentCode.note(device, None)
    assert sent.digest == ""
    assert not sent.is_code("")
    device.generate_token()
    setattr(device, sending.ASKED, sent)
    registry.factor_of(device).judge(device, device.token)
