"""Signing in by a passkey alone."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.models import Session
from django.template import engines
from django.test import Client
from django.urls import reverse
from django_otp_webauthn.models import WebAuthnCredential, WebAuthnUserHandle

from allauth_2fa import compat
from allauth_2fa.models import DeviceOptions
from tests.cast import PASSWORD, give_password, is_logged_in
from tests.passkeys.authenticator import PRESENT, Authenticator, text_of

from .conftest import JSON, LOGIN, options_from

pytestmark = pytest.mark.django_db

LOGIN_PAGE = "/accounts/login/"


def sign_in(client, authenticator, query="", **lies):
    """Sign in by a passkey alone."""
    return client.post(reverse(LOGIN) + query, {"credential": authenticator.get(options_from(client, LOGIN), **lies)})


def told(client):
    """Return the messages that the login page shows."""
    return [str(message) for message in client.get(LOGIN_PAGE).context["messages"]]


def test_a_passkey_that_checks_who_is_there_proves_both_factors(client, alice, passwordless, authenticator):
    response = sign_in(client, authenticator)
    assert (response.status_code, response["Location"]) == (302, "/")
    user = client.get("/private/").wsgi_request.user
    assert user == alice
    assert user.is_verified()
    assert user.otp_device == passwordless
    (record,) = client.session["account_authentication_methods"]
    assert (record["method"], record["type"], record["passwordless"]) == ("mfa", "webauthn", True)
    assert "allauth_2fa_user_id" not in client.session
    assert "account_login" not in client.session


def test_nobody_is_asked_again_and_a_change_needs_no_other_answer(client, alice, phone, passwordless, authenticator):
    sign_in(client, authenticator)
    assert client.get(reverse("two-factor-backup-tokens")).status_code == 200


def test_the_session_key_changes(client, passwordless, authenticator):
    credential = authenticator.get(options_from(client, LOGIN))
    before = client.session.session_key
    client.post(reverse(LOGIN), {"credential": credential})
    assert is_logged_in(client)
    assert client.session.session_key != before


def test_the_login_leads_where_it_was_going_and_nowhere_else(client, passwordless, authenticator):
    assert sign_in(client, authenticator, "?next=/private/")["Location"] == "/private/"
    client.logout()
    assert sign_in(client, authenticator, "?next=https://evil.example/")["Location"] == "/"


def test_the_options_name_nobody_and_want_a_check(client, passwordless):
    options = options_from(client, LOGIN)
    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"


# The login page


def test_the_login_page_offers_it(client):
    page = client.get(LOGIN_PAGE + "?next=/private/").text
    assert "Sign in with a passkey" in page
    assert "allauth_2fa/passkeys.js" in page
    assert 'name="next" value="/private/"' in page


def test_where_the_setting_is_off_nothing_is_offered_and_nothing_served(client, settings, passwordless):
    settings.ALLAUTH_2FA_PASSKEY_LOGIN = False
    assert "passkey" not in client.get(LOGIN_PAGE).text
    assert client.post(reverse(LOGIN), {"action": "passkey"}, **JSON).status_code == 404


def test_where_the_factor_is_off_nothing_is_offered_and_nothing_served(client, settings, passwordless):
    settings.ALLAUTH_2FA_FACTORS = ["totp"]
    assert "passkey" not in client.get(LOGIN_PAGE).text
    assert client.get(reverse(LOGIN)).status_code == 404


def test_a_visitor_of_its_address_comes_to_the_login_page(client):
    assert client.get(reverse(LOGIN) + "?next=/private/")["Location"] == LOGIN_PAGE + "?next=%2Fprivate%2F"


def test_a_user_who_is_logged_in_is_led_on(client, bob, passwordless, authenticator):
    give_password(client, bob)
    assert client.post(reverse(LOGIN) + "?next=/plain/", {"action": "passkey"})["Location"] == "/plain/"
    assert client.get(reverse(LOGIN))["Location"] == "/"


def test_the_snippet_without_a_request_offers_nothing():
    template = engines["django"].from_string("{% load allauth_2fa %}{% passkey_login as offer %}{% passkeys_left %}{{ offer }}")
    assert template.render({}) == "None"


# allauth's pipeline


def test_an_address_that_is_not_verified_comes_first_and_the_login_goes_on_after_it(
    client, settings, alice, passwordless, authenticator, mailoutbox
):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    response = sign_in(client, authenticator)
    assert response["Location"] == reverse("account_email_verification_sent")
    assert not is_logged_in(client)
    code = next(word for word in mailoutbox[0].body.split() if "-" in word and word.replace("-", "").isupper())
    response = client.post(reverse("account_email_verification_sent"), {"code": code})
    assert is_logged_in(client)
    assert client.get("/private/").wsgi_request.user.otp_device == passwordless


@pytest.fixture
def waiting(client, settings, alice, passwordless, authenticator):
    """Alice's browser, in which her login waits for her address to be verified."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    sign_in(client, authenticator)
    assert not is_logged_in(client)
    return client


def go_on(client, user):
    """Go on with the login once the address has been verified elsewhere."""
    EmailAddress.objects.filter(user=user).update(verified=True)
    request = client.get("/plain/").wsgi_request
    request._messages = FallbackStorage(request)
    response = compat.resume(request, compat.pending_login(request))
    request.session.save()
    client.cookies["sessionid"] = request.session.session_key
    return response


def test_after_the_address_the_answer_still_counts(waiting, alice):
    assert go_on(waiting, alice)["Location"] == "/"
    assert is_logged_in(waiting)
    assert waiting.get("/private/").wsgi_request.user.is_verified()


def test_it_counts_once_however_often_the_waiting_session_is_sent(waiting, alice):
    key = waiting.session.session_key
    kept = Session.objects.get(pk=key).session_data
    go_on(waiting, alice)
    assert is_logged_in(waiting)
    thief = Client()
    Session.objects.create(session_key=key, session_data=kept, expire_date="2100-01-01T00:00Z")
    thief.cookies["sessionid"] = key
    assert go_on(thief, alice)["Location"] == LOGIN_PAGE
    assert not is_logged_in(thief)


def removed(user):
    WebAuthnCredential.objects.all().delete()


def unconfirmed(user):
    WebAuthnCredential.objects.update(confirmed=False)


def used_elsewhere(user):
    WebAuthnCredential.objects.update(last_used_at="2100-01-01T00:00Z")


def another_password(user):
    user.set_password("another one")
    user.save()


def deactivated(user):
    type(user).objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("change", [removed, unconfirmed, used_elsewhere, another_password, deactivated])
def test_while_it_waits_it_ends_with_what_it_was_proved_by(waiting, alice, change):
    change(alice)
    assert go_on(waiting, alice)["Location"] == LOGIN_PAGE
    assert not is_logged_in(waiting)
    assert "account_login" not in waiting.session


def test_a_login_by_code_that_the_site_requires_comes_first(client, settings, alice, passwordless, authenticator):
    settings.ACCOUNT_LOGIN_BY_CODE_REQUIRED = True
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    assert sign_in(client, authenticator)["Location"] == reverse("account_confirm_login_code")
    assert not is_logged_in(client)


def test_an_inactive_user_gets_nowhere(client, alice, passwordless, authenticator):
    alice.is_active = False
    alice.save()
    assert sign_in(client, authenticator)["Location"] == reverse("account_inactive")
    assert not is_logged_in(client)
    assert "account_authentication_methods" not in client.session


def test_an_adapter_that_says_no_has_the_last_word(client, settings, alice, passwordless, authenticator):
    settings.ACCOUNT_ADAPTER = "tests.passkeys.adapters.ClosedAdapter"
    assert sign_in(client, authenticator)["Location"] == "/closed/"
    assert not is_logged_in(client)


def test_where_the_adapter_wants_no_second_factor_the_passkey_is_bound_all_the_same(client, settings, alice, passwordless, authenticator):
    settings.ACCOUNT_ADAPTER = "tests.passkeys.adapters.LenientAdapter"
    sign_in(client, authenticator)
    assert client.get("/").wsgi_request.user.otp_device == passwordless


def test_a_user_who_may_not_answer_by_passkeys_does_not_get_in_by_one_alone_either(client, settings, alice, passwordless, authenticator):
    settings.ACCOUNT_ADAPTER = "tests.passkeys.adapters.StrictAdapter"
    assert refused(client, authenticator) == "Your account needs a stronger device than that one. Use a different method."
    assert "account_authentication_methods" not in client.session
    type(alice).objects.update(is_superuser=True)
    sign_in(client, authenticator)
    assert is_logged_in(client)


# What is refused


def refused(client, authenticator, **lies):
    response = sign_in(client, authenticator, **lies)
    assert response["Location"] == LOGIN_PAGE
    assert not is_logged_in(client)
    assert "account_login" not in client.session
    (message,) = told(client)
    return message


def test_one_that_is_not_enrolled_for_it_is_sent_to_the_password(client, passkey, authenticator):
    assert refused(client, authenticator) == "This passkey works only after your password. Sign in with your password, then use it."


def test_one_that_checked_nobody_is_sent_to_the_password(client, passwordless, authenticator):
    message = refused(client, authenticator, flags=PRESENT)
    assert message.endswith("Sign in with your password.")
    assert "did not check" in message


def test_one_that_nobody_has_is_refused_and_the_browser_is_told_to_forget_it(client, authenticator):
    stranger = Authenticator(user_handle=b"stranger")
    sign_in(client, stranger)
    page = client.get(LOGIN_PAGE).text
    assert f'data-unknown="{text_of(stranger.id)}"' in page
    assert 'data-domain="example.com"' in page
    assert 'data-unknown=""' in client.get(LOGIN_PAGE).text


def test_one_that_is_unconfirmed_is_refused_but_not_to_be_forgotten(client, passwordless, authenticator):
    WebAuthnCredential.objects.update(confirmed=False)
    sign_in(client, authenticator)
    assert 'data-unknown=""' in client.get(LOGIN_PAGE).text
    assert not is_logged_in(client)


@pytest.mark.parametrize("handle", [None, b"nobody"])
def test_one_that_names_no_owner_or_nobody_is_refused(client, passwordless, authenticator, handle):
    assert refused(client, authenticator, user_handle=handle).startswith("That passkey was not accepted.")


def test_one_that_names_another_user_as_its_owner_is_refused(client, bob, passwordless, authenticator):
    assert refused(client, authenticator, user_handle=WebAuthnUserHandle.get_handle_for_user(bob)).startswith("That passkey was not")


def test_one_whose_owner_has_no_handle_any_more_is_refused(client, passwordless, authenticator):
    WebAuthnUserHandle.objects.all().delete()
    assert refused(client, authenticator).startswith("That passkey was not accepted.")


def test_a_note_on_another_passkey_does_not_serve(client, alice, passkey, authenticator):
    Authenticator().enroll(alice, passwordless=True)
    assert refused(client, authenticator).startswith("This passkey works only after your password.")
    assert DeviceOptions.objects.count() == 1


def test_an_answer_without_a_question_is_refused(client, passwordless, authenticator):
    client.post(reverse(LOGIN), {"credential": authenticator.get({"challenge": "AAAA"})})
    assert told(client) == ["That took too long, or this page is open twice. Try again."]
    assert not is_logged_in(client)


def test_too_many_tries_from_one_address_are_stopped_where_the_site_limits_them(client, settings, passwordless):
    settings.ACCOUNT_RATE_LIMITS = {"allauth_2fa_passkey": "2/m/ip"}
    for _ in range(2):
        options_from(client, LOGIN)
    assert client.post(reverse(LOGIN), {"action": "passkey"}, **JSON).status_code == 429


def test_while_the_cache_is_dead_passkeys_log_in_uncounted_and_nothing_else_does(client, settings, alice, passwordless, authenticator):
    settings.ACCOUNT_RATE_LIMITS = {"allauth_2fa_passkey": "2/m/ip"}
    settings.CACHES = {"default": {"BACKEND": "tests.dead_cache.DeadCache"}}
    for _ in range(3):
        options = options_from(client, LOGIN)
    client.post(reverse(LOGIN), {"credential": authenticator.get({"challenge": "AAAA"})})
    assert not is_logged_in(client)
    options = options_from(client, LOGIN)
    client.post(reverse(LOGIN), {"credential": authenticator.get(options)})
    assert is_logged_in(client)


def test_a_password_login_in_the_same_browser_is_not_taken_for_it(client, alice, passwordless, authenticator):
    options_from(client, LOGIN)
    client.post(LOGIN_PAGE, {"login": alice.username, "password": PASSWORD})
    assert not is_logged_in(client)


# Related origins


def test_browsers_are_told_which_origins_may_use_the_passkeys(client):
    response = client.get("/.well-known/webauthn")
    assert response.json() == {"origins": ["https://example.com", "https://shop.example.com"]}
    assert "max-age=600" in response["Cache-Control"]
    assert response["Content-Type"] == "application/json"


def test_where_the_factor_is_off_they_are_told_nothing(client, settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp"]
    assert client.get("/.well-known/webauthn").status_code == 404
