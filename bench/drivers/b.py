"""allauth.mfa."""

from __future__ import annotations

import secrets
from base64 import b32encode
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.core.cache import cache

from drivers.allauth import AllauthDriver
from drivers.base import PASSWORD, Account

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

AUTHENTICATE_URL = "/accounts/2fa/authenticate/"
REAUTHENTICATE_URL = "/accounts/reauthenticate/"
ACTIVATE_URL = "/accounts/2fa/totp/activate/"
GENERATE_URL = "/accounts/2fa/recovery-codes/generate/"


class AllauthMFA(AllauthDriver):
    """allauth's own second factor: one app a user."""

    answers_with_any_app = False
    recovery_code = r"\b\d{8}\b"

    def add_app(self, account: Account, secret: bytes, number: int) -> None:
        """Store the one app that a user can have."""
        if number == 0:
            data = {"secret": encrypt(b32encode(secret).decode())}
            Authenticator.objects.create(user=account.user, type=Authenticator.Type.TOTP, data=data)

    def add_recovery_codes(self, account: Account) -> list[str]:
        """Store the seed of the codes."""
        data = {"seed": encrypt(secrets.token_hex(40)), "used_mask": 0}
        codes: list[str] = (
            Authenticator.objects.create(user=account.user, type=Authenticator.Type.RECOVERY_CODES, data=data).wrap().generate_codes()
        )
        return codes

    def challenge(self, client: Client) -> HttpResponse:
        """Load the page that asks for a code."""
        return client.get(AUTHENTICATE_URL)

    def answer(self, client: Client, account: Account, code: str, app: int) -> HttpResponse:
        """Post a code."""
        return client.post(AUTHENTICATE_URL, {"code": code})

    def prepare_recovery(self, client: Client) -> None:
        """Recovery codes go into the same field."""

    def recover(self, client: Client, code: str) -> HttpResponse:
        """Post a recovery code."""
        return client.post(AUTHENTICATE_URL, {"code": code})

    def prove(self, client: Client) -> None:
        """Post the password again: since 65.20 a login is not enough."""
        client.post(REAUTHENTICATE_URL, {"password": PASSWORD})

    def forget_codes(self, account: Account) -> None:
        """Empty the cache, which has the codes that were used."""
        cache.clear()

    def enrollment(self, client: Client) -> list[HttpResponse]:
        """Load the activation page, which holds the QR code."""
        return [client.get(ACTIVATE_URL)]

    def new_secret(self, client: Client) -> str:
        """Return the secret, which the session has."""
        secret: str = client.session["mfa.totp.secret"]
        return secret

    def enroll(self, client: Client, code: str) -> HttpResponse:
        """Post the activation page."""
        return client.post(ACTIVATE_URL, {"code": code})

    def make_recovery_codes(self, client: Client) -> list[HttpResponse]:
        """Post the page that makes the codes, which leads to the one with them."""
        return [client.post(GENERATE_URL)]
