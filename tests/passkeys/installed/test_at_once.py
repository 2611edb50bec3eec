"""One answer of a passkey, judged by many threads at the same moment; one new passkey, added by many."""

from __future__ import annotations

import copy

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest
from django_otp_webauthn.models import WebAuthnCredential

from allauth_2fa.devices import passkeys
from allauth_2fa.exceptions import PasskeyCopied, PasskeyExpired, PasskeyNotAdded, PasskeyTaken
from allauth_2fa.state.store import ChallengeStore
from tests.concurrency.conftest import as_default
from tests.concurrency.test_threads import ACCEPTED, at_once, kinds
from tests.passkeys.authenticator import Authenticator

THREADS = 32

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def alice(tmp_path, transactional_db):
    """A person in a database that threads share: one in memory is locked for all of them at the least."""
    if connection.vendor != "sqlite":
        yield User.objects.create_user("alice")
        return
    with as_default(str(tmp_path / "shared.sqlite3")):
        call_command("migrate", verbosity=0)
        yield User.objects.create_user("alice")


def request_of(user):
    """Return a request with a session of its own, as each tab of a browser has."""
    request = HttpRequest()
    request.session, request.user = SessionStore(), user
    return request


def asking(user):
    """Put a question, and return its options with the place in which it waits."""
    place = ChallengeStore({})
    return passkeys.ask(request_of(user), user, place), place


def answering(user, credential, place):
    """Return a call that judges the answer by copies of its own, as each request has them."""

    def call():
        passkeys.answer(None, user, credential, list(WebAuthnCredential.objects.filter(user=user)), copy.deepcopy(place))

    return call


@pytest.mark.parametrize("counts", [1, 0], ids=["one that counts", "one that does not"])
def test_one_answer_is_accepted_once(alice, counts):
    authenticator = Authenticator(counts=counts)
    authenticator.enroll(alice)
    options, place = asking(alice)
    credential = authenticator.get(options)
    outcomes = at_once(*(answering(alice, credential, place) for _ in range(THREADS)))
    assert kinds(outcomes) == {ACCEPTED: 1, PasskeyExpired: THREADS - 1}


def test_of_many_answers_with_one_counter_one_is_accepted(alice):
    """A key and its copies, each with a question of its own."""
    authenticator = Authenticator()
    authenticator.enroll(alice)
    questions = [asking(alice) for _ in range(THREADS)]
    calls = [answering(alice, authenticator.get(options, counter=7), place) for options, place in questions]
    outcomes = kinds(at_once(*calls))
    assert outcomes[ACCEPTED] == 1
    # The questions were all put before the first answer, which is found out first.
    assert outcomes.keys() <= {ACCEPTED, PasskeyExpired, PasskeyCopied}
    assert WebAuthnCredential.objects.get().sign_count == 7


def test_one_new_passkey_is_added_once(alice):
    requests = [request_of(alice) for _ in range(8)]
    authenticator = Authenticator()
    calls = []
    for request in requests:
        credential = authenticator.create(passkeys.ask_for_new(request, alice, passwordless=False))
        calls.append(lambda request=request, credential=credential: passkeys.add(request, alice, credential) and None)
    outcomes = kinds(at_once(*calls))
    # After the first one, the password that the others have proved is not enough any more.
    assert outcomes == {ACCEPTED: 1, PasskeyNotAdded: 7}
    assert WebAuthnCredential.objects.count() == 1


def test_two_people_who_add_the_same_one_at_once_do_not_both_have_it(alice):
    """Their turns do not wait for each other: the database's own constraint tells."""
    people = [alice, *(User.objects.create_user(f"user{number}") for number in range(7))]
    authenticator = Authenticator()
    calls = []
    for user in people:
        request = request_of(user)
        credential = authenticator.create(passkeys.ask_for_new(request, user, passwordless=False))
        calls.append(lambda user=user, request=request, credential=credential: passkeys.add(request, user, credential) and None)
    assert kinds(at_once(*calls)) == {ACCEPTED: 1, PasskeyTaken: 7}
    assert WebAuthnCredential.objects.count() == 1
