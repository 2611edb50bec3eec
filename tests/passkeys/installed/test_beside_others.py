"""Passkeys beside what else there is: the requirement at the login, the budget of wrong codes, the audit log."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp_webauthn.models import WebAuthnCredential

from allauth_2fa.models.audit import AuditEntry
from tests.cast import give_answer, give_password, is_logged_in, wrong_code_of
from tests.passkeys.authenticator import Authenticator

from .conftest import ADD, JSON, LOGIN, PROVE, options_from

pytestmark = pytest.mark.django_db


@pytest.fixture
def _required(settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"


@pytest.mark.usefixtures("_required")
def test_a_user_who_has_to_set_up_a_factor_may_take_a_passkey_before_there_is_a_session(client, alice, authenticator):
    response = give_password(client, alice)
    choice = client.get(response["Location"])
    assert f'href="{reverse(ADD)}"' in choice.text
    assert not is_logged_in(client)
    page = client.get(reverse(ADD))
    assert page.templates[0].name == "allauth_2fa/add_passkey.html"
    options = options_from(client, ADD)
    assert not is_logged_in(client)
    response = client.post(reverse(ADD), {"credential": authenticator.create(options)})
    assert response["Location"].startswith(reverse("two-factor-backup-tokens"))
    assert client.get("/private/").wsgi_request.user.otp_device == WebAuthnCredential.objects.get()


@pytest.mark.usefixtures("_required")
def test_such_a_login_adds_no_second_one_without_the_first(client, alice, authenticator):
    give_password(client, alice)
    options = options_from(client, ADD)
    Authenticator().enroll(alice)
    client.post(reverse(ADD), {"credential": authenticator.create(options)})
    assert WebAuthnCredential.objects.count() == 1
    assert not is_logged_in(client)


@pytest.mark.usefixtures("_required", "passwordless")
def test_a_passkey_alone_is_all_that_is_required(client, authenticator):
    client.post(reverse(LOGIN), {"credential": authenticator.get(options_from(client, LOGIN))})
    assert is_logged_in(client)


@pytest.fixture
def locked_out(client, settings, alice, phone, passwordless):
    """Alice's account, at which somebody has guessed until codes were locked."""
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    give_password(client, alice)
    for _ in range(6):
        page = give_answer(client, wrong_code_of(phone))
    assert page.context["form"].errors["otp_token"].as_data()[0].code in {"throttled", "locked"}
    return client


def test_no_guessing_keeps_a_passkey_from_answering(locked_out, authenticator):
    give_answer(locked_out, authenticator.get(options_from(locked_out, PROVE)))
    assert is_logged_in(locked_out)


def test_no_guessing_keeps_a_passkey_from_signing_in_alone(locked_out, authenticator):
    locked_out.post(reverse(LOGIN), {"credential": authenticator.get(options_from(locked_out, LOGIN))})
    assert is_logged_in(locked_out)


def test_wrong_answers_of_passkeys_charge_no_budget(client, alice, phone, passkey):
    give_password(client, alice)
    for _ in range(12):
        answer = Authenticator(id=bytes(passkey.credential_id)).get(options_from(client, PROVE))
        assert give_answer(client, answer).context["passkey_error"].startswith("That passkey was not accepted.")
    page = give_answer(client, wrong_code_of(phone))
    assert page.context["form"].errors["otp_token"].as_data()[0].code == "refused"


def events():
    return [(row.event, row.device, dict(row.facts)) for row in AuditEntry.objects.order_by("pk")]


def test_the_audit_log_says_what_was_added_and_by_what_somebody_came_in(client, alice, authenticator):
    give_password(client, alice)
    options = options_from(client, ADD, passwordless="on")
    client.post(reverse(ADD), {"name": "Laptop", "credential": authenticator.create(options)})
    client.logout()
    client.post(reverse(LOGIN), {"credential": authenticator.get(options_from(client, LOGIN))})
    assert ("device_added", "Laptop", {"factor": "webauthn"}) in events()
    assert ("challenge_passed", "Laptop", {"factor": "webauthn"}) in events()


def test_the_audit_log_says_what_was_refused_and_holds_nothing_that_was_signed(client, alice, passkey):
    give_password(client, alice)
    answer = Authenticator().get(options_from(client, PROVE))
    give_answer(client, answer)
    assert ("challenge_refused", "", {"factor": "webauthn", "reason": "unknown"}) in events()
    # One that came too late was not looked at.
    give_answer(client, answer)
    assert [event for event, _device, _facts in events()].count("challenge_refused") == 1


def test_a_script_that_asks_is_told_when_its_login_is_over(client, alice, passkey):
    assert client.post(reverse(PROVE), {"action": "passkey"}, **JSON).status_code == 302
