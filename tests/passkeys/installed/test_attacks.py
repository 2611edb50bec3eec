"""Attack passkeys: with other people's, from other sites, with lies in every part of an answer."""

from __future__ import annotations

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse
from django_otp_webauthn.models import WebAuthnCredential, WebAuthnUserHandle

from allauth_2fa.models import DeviceOptions
from allauth_2fa.testing import login_verified
from tests.cast import give_answer, give_password, is_logged_in
from tests.passkeys.authenticator import PRESENT, VERIFIED, Authenticator, text_of

from .conftest import ADD, LOGIN, PROVE, options_from

pytestmark = pytest.mark.django_db

ACCEPTED = "accepted"
COPIED = "[example.com] A passkey may have been copied"


def at_the_challenge(client, user, authenticator, **lies):
    """Answer after the password, and return what the page says."""
    give_password(client, user)
    page = give_answer(client, authenticator.get(options_from(client, PROVE), **lies))
    return ACCEPTED if is_logged_in(client) else page.context["passkey_error"]


def alone(client, _user, authenticator, **lies):
    """Answer without a password, and return what the page says."""
    client.post(reverse(LOGIN), {"credential": authenticator.get(options_from(client, LOGIN), **lies)})
    return ACCEPTED if is_logged_in(client) else str(*client.get("/accounts/login/").context["messages"])


@pytest.fixture(params=[at_the_challenge, alone])
def sign(request):
    """Both ways to sign in by a passkey."""
    return request.param


LIES = {
    "another site's page": {"client_data": {"origin": "https://evil.example"}},
    "a page of the site without TLS": {"client_data": {"origin": "http://example.com"}},
    "an origin that only begins like ours": {"client_data": {"origin": "https://example.com.evil.example"}},
    "an origin that is a list": {"client_data": {"origin": ["https://example.com"]}},
    "another site's domain": {"domain": "evil.example"},
    "a frame of another site's": {"client_data": {"crossOrigin": True}},
    "a frame that says so by its top": {"client_data": {"topOrigin": "https://evil.example"}},
    "another challenge": {"client_data": {"challenge": text_of(b"another challenge")}},
    "no challenge": {"client_data": {"challenge": ""}},
    "an answer that makes a passkey": {"client_data": {"type": "webauthn.create"}},
    "nobody present": {"flags": VERIFIED},
    "impossible flags": {"flags": PRESENT | VERIFIED | 1 << 4},
    "a signature of nobody": {"response": {"signature": text_of(bytes(70))}},
    "no signature": {"response": {"signature": ""}},
    "data that was changed": {"response": {"authenticatorData": text_of(bytes(32) + bytes([5]) + bytes(4))}},
    "a counter that no column holds": {"counter": 2**32 - 1},
    "another kind of credential": {"envelope": {"type": "password"}},
    "an id that is not the raw one": {"envelope": {"id": text_of(b"another")}},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_in_any_part_is_refused(client, alice, passwordless, authenticator, sign, lie):
    assert sign(client, alice, authenticator, **lie).startswith("That passkey was not accepted.")
    passwordless.refresh_from_db()
    assert passwordless.last_used_at is None


def test_the_truth_is_accepted(client, alice, passwordless, authenticator, sign):
    assert sign(client, alice, authenticator) == ACCEPTED


def test_an_allowed_origin_beside_the_first_is_accepted(client, alice, passwordless, authenticator, sign):
    assert sign(client, alice, authenticator, client_data={"origin": "https://shop.example.com"}) == ACCEPTED


# Whose passkey


def test_another_users_passkey_does_not_answer(client, alice, bob, passkey):
    other = Authenticator()
    other.enroll(bob)
    assert at_the_challenge(client, alice, other).startswith("That passkey is not on your account")


def test_another_users_passkey_under_the_id_of_ones_own_does_not_answer(client, alice, bob, passkey, authenticator):
    other = Authenticator()
    other.enroll(bob)
    assert at_the_challenge(client, alice, other, id=authenticator.id).startswith("That passkey was not accepted.")


def test_an_answer_that_names_another_user_does_not_count(client, alice, bob, passkey, authenticator):
    handle = WebAuthnUserHandle.get_handle_for_user(bob)
    assert at_the_challenge(client, alice, authenticator, user_handle=handle).startswith("That passkey was not accepted.")


def test_a_handle_from_before_handles_were_stored_still_counts_after_the_password(client, alice, passkey, authenticator):
    assert at_the_challenge(client, alice, authenticator, user_handle=b"sha256 of a primary key") == ACCEPTED


def test_an_unconfirmed_passkey_does_not_answer(client, alice, passkey):
    other = Authenticator()
    other.enroll(alice, confirmed=False)
    assert at_the_challenge(client, alice, other).startswith("That passkey is not on your account")


def test_a_passkey_that_is_removed_in_the_middle_does_not_answer(client, alice, phone, passwordless, authenticator):
    give_password(client, alice)
    credential = authenticator.get(options_from(client, PROVE))
    WebAuthnCredential.objects.all().delete()
    page = give_answer(client, credential)
    assert page.context["passkey_error"].startswith("That passkey is not on your account")
    other = Client()
    credential = authenticator.get(options_from(other, LOGIN))
    other.post(reverse(LOGIN), {"credential": credential})
    assert not is_logged_in(other)


def test_a_user_who_is_deactivated_in_the_middle_gets_nowhere(client, alice, passkey, authenticator):
    give_password(client, alice)
    credential = authenticator.get(options_from(client, PROVE))
    type(alice).objects.update(is_active=False)
    assert give_answer(client, credential)["Location"] == reverse("account_login")
    assert not is_logged_in(client)


# Which question


def test_an_answer_to_the_challenge_signs_nobody_in_without_a_password(client, alice, passwordless, authenticator):
    give_password(client, alice)
    credential = authenticator.get(options_from(client, PROVE))
    options_from(client, LOGIN)
    client.post(reverse(LOGIN), {"credential": credential})
    assert not is_logged_in(client)


def test_an_answer_for_a_login_without_a_password_is_none_to_the_challenge(client, alice, passwordless, authenticator):
    credential = authenticator.get(options_from(client, LOGIN))
    give_password(client, alice)
    assert give_answer(client, credential).context["passkey_error"].startswith("That took too long")
    options_from(client, PROVE)
    assert give_answer(client, credential).context["passkey_error"].startswith("That passkey was not accepted.")
    assert not is_logged_in(client)


def test_an_answer_to_the_page_that_adds_one_proves_nothing_and_adds_nothing(client, alice, passwordless, authenticator):
    owner = Client()
    login_verified(owner, alice, passwordless)
    options = options_from(owner, ADD)
    owner.post(reverse(ADD), {"credential": authenticator.get(options)})
    assert WebAuthnCredential.objects.count() == 1
    give_password(client, alice)
    options_from(client, PROVE)
    give_answer(client, authenticator.get(options))
    assert not is_logged_in(client)


def test_an_answer_that_makes_a_passkey_signs_nobody_in(client, alice, passwordless, authenticator):
    options = options_from(client, LOGIN) | {"user": {"id": "AAAA"}}
    client.post(reverse(LOGIN), {"credential": authenticator.create(options)})
    assert not is_logged_in(client)


def test_an_answer_counts_in_the_login_whose_question_it_was(client, alice, passkey, authenticator):
    give_password(client, alice)
    credential = authenticator.get(options_from(client, PROVE))
    other = Client()
    give_password(other, alice)
    options_from(other, PROVE)
    give_answer(other, credential)
    assert not is_logged_in(other)
    give_answer(client, credential)
    assert is_logged_in(client)


def test_a_second_question_replaces_the_first(client, alice, passkey, authenticator):
    give_password(client, alice)
    first = options_from(client, PROVE)
    second = options_from(client, PROVE)
    page = give_answer(client, authenticator.get(first))
    assert page.context["passkey_error"].startswith("That passkey was not accepted.")
    # It was used up by the answer, right or wrong.
    page = give_answer(client, authenticator.get(second))
    assert page.context["passkey_error"].startswith("That took too long")


def test_a_question_is_good_for_some_minutes(client, alice, passwordless, authenticator, sign):
    with time_machine.travel(1_750_000_000, tick=False) as clock:
        give_password(client, alice)
        early = authenticator.get(options_from(client, PROVE))
        late = authenticator.get(options_from(client, LOGIN))
        clock.shift(299)
        give_answer(client, early)
        assert is_logged_in(client)
        other = Client()
        late = authenticator.get(options_from(other, LOGIN))
        clock.shift(300)
        other.post(reverse(LOGIN), {"credential": late})
        assert not is_logged_in(other)


def test_a_site_can_make_it_shorter_and_not_longer(client, settings, passkey):
    settings.OTP_WEBAUTHN_TIMEOUT_SECONDS = 60
    assert options_from(client, LOGIN)["timeout"] == 60_000
    settings.OTP_WEBAUTHN_TIMEOUT_SECONDS = 3600
    assert options_from(client, LOGIN)["timeout"] == 300_000


def test_a_question_of_the_future_does_not_count(client, alice, passkey, authenticator):
    """A clock that was set back, or a session that somebody has made up."""
    with time_machine.travel(1_750_000_000, tick=False) as clock:
        give_password(client, alice)
        credential = authenticator.get(options_from(client, PROVE))
        clock.shift(-1)
        give_answer(client, credential)
    assert not is_logged_in(client)


@pytest.mark.parametrize("kept", [None, "text", 5, [], {}, {"state": {}, "asked": "x", "until": 1, "user": None}])
def test_a_session_may_hold_anything(client, passwordless, authenticator, kept):
    options = options_from(client, LOGIN)
    session = client.session
    session["allauth_2fa"] = {"user": "", "passkey_login": kept}
    session.save()
    client.post(reverse(LOGIN), {"credential": authenticator.get(options)})
    assert not is_logged_in(client)


def test_a_session_may_hold_a_time_beyond_all_times(client, passwordless, authenticator):
    options = options_from(client, LOGIN)
    session = client.session
    session["allauth_2fa"]["passkey_login"] |= {"until": 10**40}
    session.save()
    client.post(reverse(LOGIN), {"credential": authenticator.get(options)})
    assert not is_logged_in(client)


def test_the_question_of_another_user_is_none_of_ones_own(client, alice, bob, passkey, authenticator):
    Authenticator().enroll(bob)
    give_password(client, bob)
    options = options_from(client, PROVE)
    login = client.session["account_login"]
    kept = login["state"]["stages"]["mfa_authenticate"]["data"]["passkey"]
    give_password(client, alice)
    session = client.session
    session["account_login"]["state"]["stages"]["mfa_authenticate"]["data"]["passkey"] = kept
    session.save()
    give_answer(client, authenticator.get(options))
    assert not is_logged_in(client)


# The counter


@pytest.fixture
def address(alice):
    return EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)


def copy_of(authenticator):
    """Return what somebody has who has copied the passkey a while ago."""
    return Authenticator(id=authenticator.id, key=authenticator.key, user_handle=authenticator.user_handle, counter=authenticator.counter)


def test_a_counter_that_does_not_grow_is_refused_and_told_to_the_owner(
    client, alice, passwordless, authenticator, address, sign, django_capture_on_commit_callbacks, caplog
):
    copy = copy_of(authenticator)
    for _ in range(3):
        assert sign(Client(), alice, authenticator) == ACCEPTED
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        said = sign(client, alice, copy)
    assert "it may have been copied" in said
    passwordless.refresh_from_db()
    assert passwordless.sign_count == 3
    (message,) = [message for message in mail.outbox if message.subject == COPIED]
    assert message.to == [alice.email]
    assert "Laptop" in message.body
    assert "http://testserver" + reverse("two-factor-overview") in message.body
    assert "passkey_cloned" in caplog.text
    # The owner's own passkey goes on working.
    assert sign(Client(), alice, authenticator) == ACCEPTED


def test_a_counter_that_falls_back_to_nothing_is_refused(client, alice, passwordless, authenticator, sign):
    sign(Client(), alice, authenticator)
    assert "it may have been copied" in sign(client, alice, authenticator, counter=0)


def test_one_that_never_counts_is_no_copy(client, alice, sign):
    never = Authenticator(counts=0)
    never.enroll(alice, passwordless=True)
    for _ in range(3):
        assert sign(Client(), alice, never) == ACCEPTED


def test_nobody_without_the_key_makes_the_owner_worry(
    client, alice, passwordless, authenticator, address, django_capture_on_commit_callbacks
):
    at_the_challenge(Client(), alice, authenticator)
    mail.outbox.clear()
    forger = Authenticator(id=authenticator.id, counter=-1)
    with django_capture_on_commit_callbacks(execute=True):
        assert at_the_challenge(client, alice, forger).startswith("That passkey was not accepted.")
    # That somebody knows the password is told, and of a copy there is none.
    assert COPIED not in {message.subject for message in mail.outbox}


def test_an_owner_without_an_address_gets_no_mail(client, alice, passkey, authenticator, django_capture_on_commit_callbacks):
    type(alice).objects.update(email="")
    at_the_challenge(Client(), alice, authenticator)
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert "it may have been copied" in at_the_challenge(client, alice, authenticator, counter=1)
    assert not mail.outbox


# Adding


def add(client, authenticator, **lies):
    return client.post(reverse(ADD), {"credential": authenticator.create(options_from(client, ADD), **lies)})


NEW_LIES = {
    "another site's page": {"client_data": {"origin": "https://evil.example"}},
    "another site's domain": {"domain": "evil.example"},
    "a frame of another site's": {"client_data": {"crossOrigin": True}},
    "another challenge": {"client_data": {"challenge": text_of(b"another challenge")}},
    "an answer that signs in": {"client_data": {"type": "webauthn.get"}},
    "nobody present": {"flags": 0},
    "no passkey in it": {"attested": b""},
    "a key that is none": {"attested": bytes(16) + (3).to_bytes(2, "big") + b"abc" + b"\xa0"},
    "an id beyond all length": {"attested": bytes(16) + (1024).to_bytes(2, "big") + bytes(1024) + b"\xa0"},
    "a counter that no column holds": {"counter": 2**31},
    "a statement of an unknown kind": {"statement": {"fmt": "made-up"}},
    "another kind of credential": {"envelope": {"type": "password"}},
    "properties that are none": {"envelope": {"clientExtensionResults": None}},
}


@pytest.mark.parametrize("lie", NEW_LIES.values(), ids=NEW_LIES)
def test_a_lie_in_any_part_of_a_new_one_is_refused(client, alice, authenticator, lie):
    give_password(client, alice)
    page = add(client, authenticator, **lie)
    assert page.context["form"].non_field_errors() == ["The passkey could not be added. Try again, or choose another one."]
    assert not WebAuthnCredential.objects.exists()
    assert not client.get("/").wsgi_request.user.is_verified()


def test_one_that_another_user_has_is_refused(client, alice, bob, authenticator):
    authenticator.enroll(bob)
    give_password(client, alice)
    page = add(client, authenticator)
    assert page.context["form"].non_field_errors() == ["That passkey is already in use. Choose another one."]
    assert WebAuthnCredential.objects.get().user == bob


def test_the_same_answer_adds_nothing_twice(client, alice, authenticator):
    give_password(client, alice)
    credential = authenticator.create(options_from(client, ADD))
    client.post(reverse(ADD), {"credential": credential})
    page = client.post(reverse(ADD), {"credential": credential})
    assert page.context["form"].non_field_errors() == ["That took too long, or this page is open twice. Try again."]
    WebAuthnCredential.objects.all().delete()
    client.post(reverse(ADD), {"credential": credential})
    assert not WebAuthnCredential.objects.exists()


def test_the_question_of_one_session_adds_nothing_in_another(client, alice, bob, authenticator):
    give_password(client, alice)
    credential = authenticator.create(options_from(client, ADD))
    for user in (alice, bob):
        other = Client()
        give_password(other, user)
        other.post(reverse(ADD), {"credential": credential})
        options_from(other, ADD)
        other.post(reverse(ADD), {"credential": credential})
    assert not WebAuthnCredential.objects.exists()


def test_a_note_is_deleted_with_its_passkey_so_that_no_later_one_inherits_it(client, alice, phone, passwordless):
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-remove-device", args=[passwordless.persistent_id]))
    assert not WebAuthnCredential.objects.exists()
    assert not DeviceOptions.objects.exists()


# Other sites


@pytest.mark.parametrize("name", [ADD, LOGIN, PROVE])
def test_another_site_cannot_post_here(alice, passwordless, name):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(reverse(name), {"action": "passkey"}).status_code == 403
