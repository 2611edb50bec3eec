"""A question that was put for one purpose is answered for no other."""

from __future__ import annotations

import pytest
from django.core import serializers
from django.urls import reverse
from django_otp_webauthn.models import WebAuthnCredential

from allauth_2fa.models import RecoveryDevice
from tests.cast import give_answer, give_password, is_logged_in

from .conftest import LOGIN, PROVE, options_from

pytestmark = pytest.mark.django_db


def test_a_question_for_a_login_is_not_answered_as_a_second_factor(client, alice, passwordless, authenticator):
    options = options_from(client, LOGIN)
    give_password(client, alice)
    give_answer(client, authenticator.get(options))
    assert not is_logged_in(client)


def test_a_question_for_a_second_factor_is_not_answered_as_a_login(client, alice, passwordless, authenticator):
    give_password(client, alice)
    options = options_from(client, PROVE)
    client.post(reverse(LOGIN), {"credential": authenticator.get(options)})
    assert not is_logged_in(client)


def test_each_question_is_still_answered_where_it_was_put(client, alice, passwordless, authenticator):
    give_password(client, alice)
    give_answer(client, authenticator.get(options_from(client, PROVE)))
    assert is_logged_in(client)


def test_fixtures_bring_passkeys_and_recovery_codes_back_that_work(client, alice, passwordless, authenticator):
    (code, _other) = RecoveryDevice.renew(alice.pk, 2)
    rows = [*WebAuthnCredential.objects.all(), *RecoveryDevice.objects.all(), *RecoveryDevice.objects.get().codes.all()]
    text = serializers.serialize("json", rows)
    assert code not in text
    RecoveryDevice.objects.all().delete()
    for row in serializers.deserialize("json", text):
        row.save()
    give_password(client, alice)
    give_answer(client, code)
    assert is_logged_in(client)
