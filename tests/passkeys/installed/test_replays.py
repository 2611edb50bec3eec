"""Attack: on a site with signed-cookie sessions, send an old session and an old answer again."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp_webauthn.models import WebAuthnCredential

from tests.cast import give_answer, give_password, is_logged_in
from tests.passkeys.authenticator import Authenticator

from .conftest import ADD, LOGIN, PROVE, options_from

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cookies(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"


@pytest.fixture(params=[1, 0], ids=["one that counts", "one that does not"])
def authenticator(request):
    return Authenticator(counts=request.param)


def replay(cookie):
    """Return a browser with the old session."""
    client = Client()
    client.cookies["sessionid"] = cookie
    return client


def test_an_old_challenge_and_its_answer_count_once(client, alice, passkey, authenticator):
    give_password(client, alice)
    credential = authenticator.get(options_from(client, PROVE))
    cookie = client.cookies["sessionid"].value
    give_answer(client, credential)
    assert is_logged_in(client)
    thief = replay(cookie)
    page = give_answer(thief, credential)
    assert page.context["passkey_error"]
    assert not is_logged_in(thief)


def test_an_old_question_of_a_login_without_a_password_counts_once(client, passwordless, authenticator):
    credential = authenticator.get(options_from(client, LOGIN))
    cookie = client.cookies["sessionid"].value
    client.post(reverse(LOGIN), {"credential": credential})
    assert is_logged_in(client)
    thief = replay(cookie)
    thief.post(reverse(LOGIN), {"credential": credential})
    assert not is_logged_in(thief)


def test_a_question_that_was_put_before_the_passkey_was_used_elsewhere_is_over(client, alice, passkey, authenticator):
    """Somebody has seen the answer, and keeps it from the site: it is worth nothing once the owner has signed in."""
    give_password(client, alice)
    kept = authenticator.get(options_from(client, PROVE))
    elsewhere = Client()
    give_password(elsewhere, alice)
    give_answer(elsewhere, authenticator.get(options_from(elsewhere, PROVE)))
    assert is_logged_in(elsewhere)
    give_answer(client, kept)
    assert not is_logged_in(client)


def test_an_old_question_adds_a_passkey_once(client, alice, authenticator):
    give_password(client, alice)
    credential = authenticator.create(options_from(client, ADD))
    cookie = client.cookies["sessionid"].value
    client.post(reverse(ADD), {"credential": credential})
    assert WebAuthnCredential.objects.count() == 1
    replay(cookie).post(reverse(ADD), {"credential": credential})
    assert WebAuthnCredential.objects.count() == 1


def test_a_login_that_waited_for_an_address_is_finished_once(client, settings, alice, passwordless, authenticator, mailoutbox):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    client.post(reverse(LOGIN), {"credential": authenticator.get(options_from(client, LOGIN))})
    cookie = client.cookies["sessionid"].value
    code = next(word for word in mailoutbox[0].body.split() if "-" in word and word.replace("-", "").isupper())
    client.post(reverse("account_email_verification_sent"), {"code": code})
    assert is_logged_in(client)
    thief = replay(cookie)
    thief.post(reverse("account_email_verification_sent"), {"code": code})
    assert not is_logged_in(thief)
