"""The helper is the site's: what it says counts, and what it gets wrong does not."""

from __future__ import annotations

import pytest
from django.db import DatabaseError
from django.urls import reverse
from django_otp_webauthn.models import WebAuthnCredential

from allauth_2fa.devices import passkeys
from allauth_2fa.exceptions import NothingEnrolled
from allauth_2fa.factors import registry
from allauth_2fa.factors.ceremony import Assertion
from tests.cast import give_answer, give_password, is_logged_in
from tests.passkeys.authenticator import Authenticator
from tests.passkeys.helpers import RacingHelper

from .conftest import ADD, LOGIN, PROVE, options_from

pytestmark = pytest.mark.django_db


@pytest.fixture
def helper(settings):
    def choose(name):
        settings.OTP_WEBAUTHN_HELPER_CLASS = f"tests.passkeys.helpers.{name}"

    return choose


def test_a_site_has_its_own_domain_options_and_facts(client, settings, alice, passkey, authenticator, helper):
    helper("OwnHelper")
    give_password(client, alice)
    options = options_from(client, PROVE)
    assert (options["rpId"], options["extensions"]) == ("testserver", {"appid": "https://example.com"})
    give_answer(client, authenticator.get(options, domain="testserver"))
    assert is_logged_in(client)


def test_one_that_names_another_passkey_logs_nobody_in(client, alice, bob, passkey, authenticator, helper):
    Authenticator().enroll(bob)
    helper("MistakenHelper")
    give_password(client, alice)
    page = give_answer(client, authenticator.get(options_from(client, PROVE)))
    assert page.context["passkey_error"]
    assert not is_logged_in(client)


def test_a_database_that_fails_is_no_wrong_answer(client, alice, passwordless, authenticator, helper):
    helper("BrokenHelper")
    credential = authenticator.get(options_from(client, LOGIN))
    with pytest.raises(DatabaseError):
        client.post(reverse(LOGIN), {"credential": credential})
    assert not is_logged_in(client)


def test_of_two_who_add_the_same_one_the_constraint_of_the_database_tells(client, alice, bob, authenticator, helper):
    helper("RacingHelper")
    RacingHelper.rival = lambda _helper: Authenticator(id=authenticator.id).enroll(bob)
    give_password(client, alice)
    page = client.post(reverse(ADD), {"credential": authenticator.create(options_from(client, ADD))})
    assert page.context["form"].non_field_errors() == ["That passkey is already in use. Choose another one."]
    assert not WebAuthnCredential.objects.filter(user=alice).exists()


def test_a_passkey_that_goes_while_it_is_judged_does_not_answer(rf, alice, passkey, authenticator):
    judge, helper = registry.by_id("webauthn"), passkeys.helper(rf.get("/"))
    options, question = judge.ask(helper, alice)
    assertion = Assertion.read(authenticator.get(options))
    WebAuthnCredential.objects.all().delete()
    with pytest.raises(NothingEnrolled):
        judge.judge_assertion(helper, passkey, assertion, question)
