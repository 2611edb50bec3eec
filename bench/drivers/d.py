"""django-mfa3."""

from __future__ import annotations

import re
from base64 import b32encode
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import make_password
from mfa.models import MFAKey

from drivers.base import PASSWORD, Account, Driver

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

TOTP_URL = "/mfa/auth/TOTP/"
RECOVERY_URL = "/mfa/auth/recovery/"
CREATE_TOTP_URL = "/mfa/create/TOTP/"
CREATE_RECOVERY_URL = "/mfa/create/recovery/"
CODE = "12345-67890"


class MFA3(Driver):
    """Keys of one table; a recovery code is a key of its own."""

    login_url = "/login/"
    recovery_code = r"\b\d{5}-\d{5}\b"
    recovery_codes = 1

    def add_app(self, account: Account, secret: bytes, number: int) -> None:
        """Store an app."""
        MFAKey.objects.create(
            user=account.user,
            method="TOTP",
            name=f"app {number}",
            secret=b32encode(secret).decode(),
        )

    def add_recovery_codes(self, account: Account) -> list[str]:
        """Store one code: they are made one at a time."""
        MFAKey.objects.create(
            user=account.user,
            method="recovery",
            name="recovery",
            secret=make_password(CODE),
        )
        return [CODE]

    def password(self, client: Client, account: Account) -> HttpResponse:
        """Post the password."""
        return client.post(self.login_url, {"username": account.username, "password": PASSWORD})

    def challenge(self, client: Client) -> HttpResponse:
        """Load the page that asks for a code, and thereby begin the challenge."""
        return client.get(TOTP_URL)

    def answer(self, client: Client, account: Account, code: str, app: int) -> HttpResponse:
        """Post a code; which app it comes from is not said."""
        return client.post(TOTP_URL, {"code": code})

    def prepare_recovery(self, client: Client) -> None:
        """Begin the other challenge."""
        client.get(RECOVERY_URL)

    def recover(self, client: Client, code: str) -> HttpResponse:
        """Post a recovery code."""
        return client.post(RECOVERY_URL, {"code": code})

    def forget_codes(self, account: Account) -> None:
        """Forget the last code."""
        MFAKey.objects.filter(user=account.user).update(last_code="")

    def enrollment(self, client: Client) -> list[HttpResponse]:
        """Load the page that adds an app, which holds the QR code."""
        return [client.get(CREATE_TOTP_URL)]

    def new_secret(self, client: Client) -> str:
        """Return the secret, which the session has."""
        _shown, secret = client.session["mfa_challenge"]
        assert isinstance(secret, str)
        return secret

    def enroll(self, client: Client, code: str) -> HttpResponse:
        """Post the page that adds an app."""
        return client.post(CREATE_TOTP_URL, {"name": "app", "code": code})

    def make_recovery_codes(self, client: Client) -> list[HttpResponse]:
        """Load the page with the one new code, then confirm it."""
        page = client.get(CREATE_RECOVERY_URL)
        code = re.search(self.recovery_code, page.content.decode())
        assert code, "no code on the page"
        posted = {"name": "paper", "code": code[0]}
        return [page, client.post(CREATE_RECOVERY_URL, posted)]
