"""Attack: use somebody's recovery code without the owner learning of it, or flood the owner with mails."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import transaction
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice

from allauth_2fa.answers import verify
from allauth_2fa.factors import registry
from allauth_2fa.testing import login_verified
from tests.cast import give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db(transaction=True)

THIEF = {"headers": {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"}, "REMOTE_ADDR": "203.0.113.7"}
USED = "[example.com] A recovery code was used"
REAUTHENTICATE, REMOVE = map(reverse, ("two-factor-reauthenticate", "two-factor-remove"))


@pytest.fixture
def code(alice, phone, request):
    """A code that was stolen, of four."""
    if getattr(request, "param", "hashed") == "readable":
        StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
        registry.recovery.renew(alice, 3)
        return "abcdefgh"
    return registry.recovery.renew(alice, 4)[0]


def about_codes():
    """Return the mails that say that a recovery code was used."""
    return [message for message in mail.outbox if message.subject == USED]


@pytest.mark.parametrize("code", ["hashed", "readable"], indirect=True)
@pytest.mark.parametrize("where", ["login", "reauthentication", "removal"])
def test_the_owner_learns_of_it_wherever_it_is_used(client, alice, phone, code, where):
    if where == "login":
        give_password(client, alice)
    else:
        login_verified(client, alice, phone)
    page = {"login": reverse("two-factor-authenticate"), "reauthentication": REAUTHENTICATE, "removal": REMOVE}[where]
    assert client.post(page, {"otp_token": code}, **THIEF).status_code == 302
    (message,) = about_codes()
    assert message.recipients() == ["alice@example.com"]
    html, _kind = message.alternatives[0]
    for text in (message.body, html):
        assert "Firefox on Windows, from 203.0.113.7" in text
        assert "Account: alice" in text
        assert "someone has your recovery codes" in text
        assert code not in text


@pytest.mark.parametrize(("number", "advice"), [(4, False), (3, True), (2, True), (1, True)])
def test_the_mail_says_when_few_are_left(client, alice, phone, number, advice):
    codes = registry.recovery.renew(alice, number)
    give_password(client, alice)
    give_answer(client, codes[0])
    (message,) = about_codes()
    html, _kind = message.alternatives[0]
    for text in (message.body, html):
        assert f"Recovery codes left: {number - 1}." in text
        assert ("If this was you, create new recovery codes before you run out." in text) is advice
        assert ("If this was you, you don't need to do anything." in text) is not advice
        assert text.count("http://") == (2 if text == html else 1)  # the one link, once as its address and once as its text


def test_codes_that_are_wrong_used_or_somebody_elses_send_no_mail_about_a_code(client, alice, bob, phone, code):
    foreign = registry.recovery.renew(bob, 3)[0]
    give_password(client, alice)
    give_answer(client, code)
    client.logout()
    mail.outbox.clear()
    give_password(client, alice)
    for _ in range(3):
        for answer in (code, foreign, "aaaa-aaaa-aaaa-aaaa"):
            give_answer(client, answer)
    assert about_codes() == []
    assert len(mail.outbox) <= 1  # that somebody knows the password is told once in six hours
    assert not is_logged_in(client)


def test_a_use_that_is_rolled_back_is_not_told(alice, phone, code):
    with transaction.atomic():
        verify.answer(alice, code)
        transaction.set_rollback(True)
    assert mail.outbox == []
    assert registry.recovery.unused(alice).count() == 4
