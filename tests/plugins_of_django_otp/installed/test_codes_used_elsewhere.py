"""A code that was sent is worth one use, whoever used it: django-otp's own forms, a view of the site, or a login of ours."""

from __future__ import annotations

from datetime import timedelta

import django_otp
import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from allauth_2fa.devices import sending
from allauth_2fa.exceptions import NotSent
from allauth_2fa.factors import asked
from allauth_2fa.models import Browser, SentCode
from allauth_2fa.state.store import ChallengeStore
from tests.cast import give_answer, give_password, is_logged_in
from tests.pager.models import Pager
from tests.plugins_of_django_otp.installed.conftest import age_sent_codes, code_in

pytestmark = pytest.mark.django_db

CHALLENGE = "/accounts/two-factor/authenticate/"


@pytest.fixture
def pager(alice, settings):
    settings.ALLAUTH_2FA_FACTORS = ["pager.pager", "recovery_codes"]
    Pager.sent.clear()
    return Pager.objects.create(user=alice, name="Red pager")


@pytest.fixture(params=["mailbox", "telephone", "pager"])
def sender(request, gateway):
    """A device that sends codes, and keeps them in django-otp's column."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def last_code(gateway):
    """Return the code that has arrived last."""
    Pager.sent.clear()

    def arrived():
        mails = [code_in(each).replace(" ", "") for each in mail.outbox if "] Your " in each.subject]
        return [*mails, *(message.code for message in gateway.sent), *Pager.sent][-1]

    return arrived


def pass_cooldown(device):
    """Let so much time pass that the device may send another code, and has judged nothing lately."""
    cache.clear()
    age_sent_codes(61)
    row = type(device).objects.get()
    passed = {"valid_until": row.valid_until - timedelta(seconds=61), "throttling_failure_count": 0}
    if getattr(row, "last_generated_timestamp", None):
        passed["last_generated_timestamp"] = row.last_generated_timestamp - timedelta(seconds=61)
    type(device).objects.update(**passed)


def by_the_model(user, device, code):
    return type(device).objects.get(pk=device.pk).verify_token(code)


def by_matching(user, device, code):
    return django_otp.match_token(user, code) == device  # noqa: TID251 - as django-otp's forms do


def by_choice(user, device, code):
    return django_otp.verify_token(user, device.persistent_id, code) == device


@pytest.mark.parametrize("use", [by_the_model, by_matching, by_choice])
def test_a_code_that_was_used_elsewhere_opens_no_login(client, alice, sender, last_code, use):
    give_password(client, alice)
    assert use(alice, sender, last_code())
    response = give_answer(client, last_code())
    assert not is_logged_in(client)
    if type(sender) is not Pager:  # of a model that we do not know we cannot tell that the code was right
        assert response.context["form"].errors["otp_token"] == [NotSent().message]
        assert not Browser.all_rows.exclude(failures="").exists(), "it was no guess"


def test_a_code_that_was_used_in_a_login_is_taken_nowhere_else(client, alice, sender, last_code):
    give_password(client, alice)
    give_answer(client, last_code())
    assert is_logged_in(client)
    assert not by_matching(alice, sender, last_code())


def test_a_code_that_was_used_elsewhere_stays_used_after_another_was_sent(client, alice, sender, last_code):
    give_password(client, alice)
    used = last_code()
    assert by_matching(alice, sender, used)
    pass_cooldown(sender)
    other = Client()
    give_password(other, alice)
    fresh = last_code()
    assert SentCode.objects.filter(used_at=None).count() == 1
    give_answer(client, used)
    assert not is_logged_in(client)
    pass_cooldown(sender)
    give_answer(other, fresh)
    assert is_logged_in(other)


def test_a_code_that_was_replaced_and_not_used_still_opens_its_login(client, alice, sender, last_code):
    give_password(client, alice)
    own = last_code()
    pass_cooldown(sender)
    other = Client()
    give_password(other, alice)
    assert by_matching(alice, sender, last_code()), "the later code is used elsewhere"
    give_answer(client, own)
    assert is_logged_in(client)
    give_answer(other, last_code())
    assert not is_logged_in(other)


def test_an_earlier_code_leaves_the_later_one_with_the_device(client, alice, sender, last_code):
    give_password(client, alice)
    own = last_code()
    pass_cooldown(sender)
    other = Client()
    give_password(other, alice)
    later = last_code()
    give_answer(client, own)
    assert is_logged_in(client)
    type(sender).objects.update(throttling_failure_count=0)
    assert by_matching(alice, sender, later), "it counts elsewhere as before"
    give_answer(other, later)
    assert not is_logged_in(other)


def test_a_code_whose_device_was_emptied_is_not_taken(client, alice, sender, last_code):
    give_password(client, alice)
    type(sender).objects.update(token=None)
    give_answer(client, last_code())
    assert not is_logged_in(client)


def test_a_message_that_could_not_leave_brings_a_used_code_no_second_use(client, alice, telephone, gateway, last_code):
    give_password(client, alice)
    code = last_code()
    gateway.is_broken = True
    pass_cooldown(telephone)
    client.post(CHALLENGE, {"action": "send"})
    give_answer(client, code)
    assert is_logged_in(client), "the code that arrived is the one of this login"
    gateway.is_broken = False


def test_what_is_used_between_the_look_and_the_lock_is_refused(alice, pager):
    """The code is right when the answer is looked at, and used elsewhere before the device's row is locked."""
    store = ChallengeStore({})
    sending.send(None, alice, pager.persistent_id, store)
    mine = Pager.objects.get()
    sending.bind([mine], store)
    assert by_matching(alice, pager, Pager.sent[-1])
    sent = asked.asked(mine)
    assert not asked.verifies(sent, Pager.objects.get(), Pager.sent[-1])


def test_a_code_that_was_made_elsewhere_opens_no_login_of_ours(client, alice, pager):
    give_password(client, alice)
    own = Pager.sent[-1]
    pager.refresh_from_db()
    pager.last_generated_timestamp = None
    pager.generate_challenge()
    for code in (Pager.sent[-1], own):
        Pager.objects.update(throttling_failure_count=0)
        give_answer(client, code)
        assert not is_logged_in(client)
    assert timezone.now() < SentCode.objects.get().expires_at
