"""What nobody has signed, and what an authenticator may not say."""

from __future__ import annotations

import pytest
from django.urls import reverse

from allauth_2fa.models.audit import AuditEntry
from tests.cast import give_answer, give_password, is_logged_in
from tests.passkeys.authenticator import PRESENT, VERIFIED, Authenticator

from .conftest import LOGIN, PROVE, options_from

pytestmark = pytest.mark.django_db

ELIGIBLE, BACKED_UP = 1 << 3, 1 << 4


def refused():
    return AuditEntry.objects.filter(event="challenge_refused").count()


def test_answers_that_nobody_has_signed_fill_no_audit_log(client, alice, passkey, authenticator):
    give_password(client, alice)
    stranger = Authenticator(id=authenticator.id)
    for _ in range(30):
        give_answer(client, stranger.get(options_from(client, PROVE)))
    assert refused() == 10
    give_answer(client, authenticator.get(options_from(client, PROVE), counter=50))
    assert is_logged_in(client)


def test_wrong_recovery_codes_fill_no_audit_log(client, alice, phone):
    give_password(client, alice)
    for _ in range(30):
        give_answer(client, "0000-1111-2222-3333")
    assert refused() == 10


def test_wrong_codes_are_all_written_down(client, alice, phone, passkey, authenticator):
    give_password(client, alice)
    for _ in range(12):
        give_answer(client, Authenticator(id=authenticator.id).get(options_from(client, PROVE)))
    give_answer(client, "000000")
    assert refused() == 11


def test_nobody_signs_in_for_a_deactivated_user(client, alice, passwordless, authenticator):
    alice.is_active = False
    alice.save()
    client.post(reverse(LOGIN), {"credential": authenticator.get(options_from(client, LOGIN))})
    assert not is_logged_in(client)
    assert list(AuditEntry.objects.values_list("event", flat=True)) == []


@pytest.mark.parametrize("flags", [ELIGIBLE, ELIGIBLE | BACKED_UP, BACKED_UP])
def test_a_passkey_of_one_device_is_never_found_on_another(client, alice, passkey, authenticator, flags):
    give_password(client, alice)
    give_answer(client, authenticator.get(options_from(client, PROVE), flags=PRESENT | VERIFIED | flags))
    assert not is_logged_in(client)


def test_a_passkey_that_may_be_kept_elsewhere_goes_on_saying_so(client, alice, authenticator):
    passkey = authenticator.enroll(alice, backup_eligible=True)
    give_password(client, alice)
    give_answer(client, authenticator.get(options_from(client, PROVE)))
    assert not is_logged_in(client)
    give_answer(client, authenticator.get(options_from(client, PROVE), flags=PRESENT | VERIFIED | ELIGIBLE | BACKED_UP))
    assert is_logged_in(client)
    passkey.refresh_from_db()
    assert (passkey.backup_eligible, passkey.backup_state) == (True, True)
