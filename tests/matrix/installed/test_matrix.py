"""Every factor at every entrance: the right answer lets in, and nothing else does."""

from __future__ import annotations

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from allauth_2fa.factors import lookup
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, give_answer, give_password, is_logged_in, is_pending
from tests.matrix.entrances import ENTRANCES
from tests.matrix.every_kind import EVERY_KIND

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

NOON = 1_750_000_005


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture(params=EVERY_KIND, ids=lambda kind: kind.__name__.lower())
def kind(request):
    return request.param


@pytest.fixture(params=ENTRANCES)
def enter(request, settings):
    way, changes = ENTRANCES[request.param]
    for name, value in changes.items():
        setattr(settings, name, value)

    def come(client, user):
        EmailAddress.objects.filter(user=user).update(verified=True)
        way(client, user)
        assert is_pending(client)
        assert not is_logged_in(client)

    return come


def person(name):
    user = User.objects.create_user(name, f"{name}@example.com", PASSWORD, is_staff=True)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def answer(client, kind, text):
    """Give the answer where it belongs: a factor by its device, what stands in for one in the field for all."""
    return give_answer(client, text, **({} if kind.stands_in else {"device": kind.device.persistent_id}))


def forgive(kind):
    """Let the time of throttling and cooldown be over."""
    for device in kind.devices():
        fields = {"throttling_failure_count": 0, "throttling_failure_timestamp": None, "last_generated_timestamp": None}
        model = type(device)
        names = {field.name for field in model._meta.get_fields()}
        model.objects.filter(pk=device.pk).update(**{name: value for name, value in fields.items() if name in names})


def test_the_right_answer_logs_in_and_binds_the_session_to_its_device(client, kind, enter):
    alice = kind(person("alice"))
    enter(client, alice.user)
    answer(client, alice, alice.right(client))
    assert client.session["_auth_user_id"] == str(alice.user.pk)
    assert client.session["otp_device_id"] == alice.device.persistent_id
    assert client.get("/who/").json()["user"] == "alice"


def test_a_wrong_answer_does_not(client, kind, enter):
    alice = kind(person("alice"))
    enter(client, alice.user)
    response = answer(client, alice, alice.wrong(client))
    # A passkey is told to have failed at its button, not at the field.
    assert response.context["form"].errors or response.context["passkey_error"]
    assert not is_logged_in(client)


def test_an_answer_that_was_right_once_does_not(client, kind, enter):
    alice = kind(person("alice"))
    enter(client, alice.user)
    used = alice.right(client)
    answer(client, alice, used)
    assert is_logged_in(client)
    again = Client()
    enter(again, alice.user)
    answer(again, alice, used)
    assert not is_logged_in(again)


def test_the_right_answer_of_somebody_elses_device_does_not(client, kind, enter):
    alice, bob = kind(person("alice")), kind(person("bob"))
    elsewhere = Client()
    enter(elsewhere, bob.user)
    theirs = bob.right(elsewhere)
    enter(client, alice.user)
    give_answer(client, theirs)
    give_answer(client, theirs, device=bob.device.persistent_id)
    answer(client, alice, theirs)
    assert not is_logged_in(client)
    answer(elsewhere, bob, theirs)
    assert elsewhere.session["_auth_user_id"] == str(bob.user.pk)


def test_the_right_answer_after_a_wrong_one_has_to_wait(client, kind, enter):
    alice = kind(person("alice"))
    enter(client, alice.user)
    right = alice.right(client)
    answer(client, alice, alice.wrong(client))
    response = answer(client, alice, alice.right(client) if alice.asked_again else right)
    assert is_logged_in(client) is not alice.throttled
    if alice.throttled:
        assert response.context["form"].errors["otp_token"].as_data()[0].code == "throttled"
        forgive(alice)
        answer(client, alice, alice.right(client))
        assert is_logged_in(client)


def test_an_answer_that_came_too_late_does_not(client, kind, enter, clock):
    alice = kind(person("alice"))
    enter(client, alice.user)
    late = alice.right(client)
    clock.shift(alice.lives or 60 * 60 * 24)
    if alice.lives is None:
        # Such an answer does not age, but the pending login does.
        assert answer(client, alice, late).status_code == 302
    else:
        answer(client, alice, late)
    assert not is_logged_in(client)


PLACES = {"two-factor-reauthenticate": "reauthentication", "two-factor-remove": "removal"}


@pytest.mark.parametrize("store", PLACES, ids=PLACES.get)
def test_in_the_middle_of_a_session_the_same_holds(client, kind, store):
    alice, bob = kind(person("alice")), kind(person("bob"))
    login_verified(client, alice.user, alice.phone or alice.device)
    address = reverse(store)

    def give(holder, text):
        chosen = {} if holder.stands_in else {"device": holder.device.persistent_id}
        return client.post(address, {"otp_token": text, **chosen})

    def answers():
        return len(client.session["account_authentication_methods"])

    before = answers()
    elsewhere = Client()
    give_password(elsewhere, bob.user)
    theirs = bob.right(elsewhere)
    assert give(bob, theirs).status_code == 200
    assert give(alice, alice.wrong(client, address)).status_code == 200
    assert (answers(), lookup.has_primary(alice.user)) == (before, True)
    forgive(alice)
    assert give(alice, alice.right(client, address)).status_code == 302
    assert (answers() > before) is (store == "two-factor-reauthenticate")
    assert lookup.has_primary(alice.user) is (store == "two-factor-reauthenticate")
