"""Attack: use the passkey login of ``allauth.mfa`` to get past our second factor."""

from __future__ import annotations

import pytest
from allauth.account.models import Login
from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.login import challenge
from allauth_2fa.state.pending import PendingLogin
from allauth_2fa.state.request import request_state
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in
from tests.software_key import PRESENT, SoftwareKey

pytestmark = pytest.mark.django_db

HERE = {"domain": "testserver", "client_data": {"origin": "https://testserver"}}
AJAX = {"X-Requested-With": "XMLHttpRequest"}


def add(client, key):
    """Set the passkey up on the pages of ``allauth.mfa``."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_add_webauthn"))
    assert page.status_code == 200, page.headers
    credential = key.create(page.context["js_data"]["creation_options"]["publicKey"], **HERE)
    return client.post(reverse("mfa_add_webauthn"), {"name": "Laptop", "credential": credential, "passwordless": "on"})


def sign_in(client, key, **lies):
    """Sign in by the passkey alone, as the button on the login page does."""
    options = client.get(reverse("mfa_login_webauthn"), headers=AJAX).json()["request_options"]["publicKey"]
    return client.post(reverse("mfa_login_webauthn"), {"credential": key.get(options, **HERE, **lies)})


@pytest.fixture
def passkey(client, alice):
    """A passkey of Alice's that ``allauth.mfa`` knows. She has no session any more."""
    key = SoftwareKey()
    give_password(client, alice)
    add(client, key)
    assert Authenticator.objects.filter(user=alice, type=Authenticator.Type.WEBAUTHN).count() == 1
    client.logout()
    return key


def test_a_user_of_allauth_mfa_alone_signs_in_by_a_passkey_and_is_asked_nothing_more(client, passkey):
    sign_in(client, passkey)
    assert who(client)["user"] == "alice"


def test_a_user_of_ours_too_who_signs_in_by_that_passkey_is_asked_for_our_device(client, alice, passkey):
    phone = TOTPDevice.objects.create(user=alice)
    response = sign_in(client, passkey)
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    assert (is_logged_in(client), who(client)) == (False, NOBODY)
    give_answer(client, code_of(phone))
    assert who(client)["user"] == "alice"


def test_the_passkey_does_not_verify_a_session_for_our_device(client, alice, passkey):
    sign_in(client, passkey)
    assert who(client)["user"] == "alice"
    TOTPDevice.objects.create(user=alice)
    session = client.session
    session["allauth_2fa"].pop("checked_at", None)
    session.save()
    assert who(client) == NOBODY


@pytest.mark.parametrize("has_device", [True, False])
def test_a_passkey_that_did_not_check_who_holds_it_signs_nobody_in(client, alice, passkey, has_device):
    if has_device:
        TOTPDevice.objects.create(user=alice)
    response = sign_in(client, passkey, flags=PRESENT)
    assert response["Location"] == reverse("account_login")
    assert (is_logged_in(client), who(client)) == (False, NOBODY)
    # ... and it leaves no login that the other page could finish.
    client.post(reverse("mfa_authenticate"), {"code": "123456"})
    assert who(client) == NOBODY


@pytest.mark.parametrize(
    "lies",
    [
        {"client_data": {"origin": "https://phishing.example"}},
        {"domain": "phishing.example"},
        {"client_data": {"origin": "https://testserver", "challenge": "AAAA"}},
    ],
)
def test_an_answer_that_was_phished_or_replayed_signs_nobody_in(client, alice, passkey, lies):
    TOTPDevice.objects.create(user=alice)
    options = client.get(reverse("mfa_login_webauthn"), headers=AJAX).json()["request_options"]["publicKey"]
    response = client.post(reverse("mfa_login_webauthn"), {"credential": passkey.get(options, **{**HERE, **lies})})
    assert response["Location"] == reverse("account_login")
    assert (is_logged_in(client), who(client)) == (False, NOBODY)


def test_an_answer_that_is_sent_twice_signs_nobody_in_the_second_time(client, alice, passkey):
    options = client.get(reverse("mfa_login_webauthn"), headers=AJAX).json()["request_options"]["publicKey"]
    answer = {"credential": passkey.get(options, **HERE)}
    client.post(reverse("mfa_login_webauthn"), answer)
    assert who(client)["user"] == "alice"
    client.post(reverse("account_logout"))
    client.post(reverse("mfa_login_webauthn"), answer)
    assert (is_logged_in(client), who(client)) == (False, NOBODY)


def test_somebody_elses_passkey_with_the_handle_of_our_user_signs_nobody_in(client, alice, bob, passkey, phone):
    stranger = SoftwareKey(user_handle=passkey.user_handle)
    sign_in(client, stranger)
    assert (is_logged_in(client), who(client)) == (False, NOBODY)
    own = SoftwareKey()
    give_password(client, bob)
    add(client, own)
    client.logout()
    own.user_handle = passkey.user_handle
    sign_in(client, own)
    assert (is_logged_in(client), who(client)) == (False, NOBODY)


def test_a_passkey_does_not_finish_our_pending_login(client, alice, passkey, phone):
    options = client.get(reverse("mfa_login_webauthn"), headers=AJAX).json()["request_options"]["publicKey"]
    give_password(client, alice)
    client.post(reverse("mfa_login_webauthn"), {"credential": passkey.get(options, **HERE)})
    assert (is_logged_in(client), who(client)) == (False, NOBODY)
    give_password(client, alice)
    for answer in ({"code": "123456"}, {"credential": passkey.get(options, **HERE)}):
        client.post(reverse("mfa_authenticate"), answer)
        assert (is_logged_in(client), who(client)) == (False, NOBODY)


def test_a_session_of_the_passkey_needs_our_reauthentication_before_our_devices_change(client, alice, passkey):
    phone = TOTPDevice.objects.create(user=alice, name="Work phone")
    sign_in(client, passkey)
    response = client.get(reverse("two-factor-backup-tokens"))
    assert response.status_code == 302
    assert TOTPDevice.objects.filter(pk=phone.pk).exists()


@pytest.mark.parametrize(
    ("is_signup", "adds", "is_asked"),
    [
        pytest.param(True, "alice", False, id="the passkey of this sign-up"),
        pytest.param(True, "bob", True, id="another user's passkey in this session"),
        pytest.param(True, None, True, id="a passkey that another session has made"),
        pytest.param(False, "alice", True, id="a passkey made in an earlier session, and a login"),
    ],
)
def test_a_sign_up_is_not_asked_for_the_passkey_that_it_has_just_made(client, rf, alice, bob, is_signup, adds, is_asked):
    request = rf.post("/")
    request.session, request.user = client.session, AnonymousUser()
    request_state(request).login = Login(user=alice, signup=is_signup)
    passkey = Authenticator.objects.create(user=alice, type=Authenticator.Type.WEBAUTHN, data={})
    if adds:
        adder = {"alice": alice, "bob": bob}[adds]
        signals.authenticator_added.send(sender=Authenticator, request=request, user=adder, authenticator=passkey)
    assert challenge.needs_challenge_now(request, alice, PendingLogin({})) is is_asked
