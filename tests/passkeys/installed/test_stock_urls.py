"""django-otp-webauthn's own URLs, on a site that includes them all the same."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from tests.cast import give_password
from tests.passkeys.authenticator import PRESENT

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.passkeys.stock_urls")]

BEGIN, COMPLETE = "otp_webauthn:credential-authentication-begin", "otp_webauthn:credential-authentication-complete"


@pytest.fixture(autouse=True)
def _backend(settings):
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "django_otp_webauthn.backends.WebAuthnBackend"]


def post(client, name, body="{}"):
    return client.post(reverse(name), body, content_type="application/json")


def sign_in(client, authenticator, **lies):
    """Sign in at the stock pages, by a passkey alone."""
    answer = authenticator.get(post(client, BEGIN).json(), **lies)
    return post(client, COMPLETE, json.dumps(json.loads(answer)))


def seen(client):
    """Return the user that the private page shows."""
    return client.get("/private/").wsgi_request.user


def test_a_passkey_that_works_alone_signs_in_its_owner_or_nobody(client, alice, passwordless, authenticator):
    sign_in(client, authenticator)
    assert seen(client).pk in {alice.pk, None}


def test_nobody_signs_in_without_being_checked(client, alice, passkey, authenticator):
    sign_in(client, authenticator, flags=PRESENT)
    assert not seen(client).is_authenticated


def test_nobody_signs_in_for_a_deactivated_user(client, alice, passwordless, authenticator):
    alice.is_active = False
    alice.save()
    sign_in(client, authenticator)
    assert not seen(client).is_authenticated


def test_the_password_alone_adds_no_passkey(client, alice, phone):
    give_password(client, alice)
    assert post(client, "otp_webauthn:credential-registration-begin").status_code >= 400


def test_a_passkey_for_use_after_the_password_signs_nobody_in_alone(client, alice, passkey, authenticator):
    sign_in(client, authenticator)
    assert not seen(client).is_authenticated
