"""Passkeys, and what is done with them at the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from tests.passkeys.authenticator import Authenticator

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django_otp_webauthn.models import WebAuthnCredential

JSON = {"HTTP_ACCEPT": "application/json"}
PROVE, ADD, LOGIN = "two-factor-authenticate", "two-factor-add-passkey", "two-factor-passkey-login"


def options_from(client, name: str, **fields: str) -> dict:
    """Ask a page for the options, as its script does."""
    response = client.post(reverse(name), {"action": "passkey", **fields}, **JSON)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def authenticator() -> Authenticator:
    """A passkey in Alice's hands."""
    return Authenticator()


@pytest.fixture
def passkey(alice: User, authenticator: Authenticator) -> WebAuthnCredential:
    """The same, on her account, for use after the password."""
    return authenticator.enroll(alice, name="Laptop")


@pytest.fixture
def passwordless(alice: User, authenticator: Authenticator) -> WebAuthnCredential:
    """The same, for use without a password."""
    return authenticator.enroll(alice, name="Laptop", passwordless=True)
