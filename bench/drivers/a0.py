"""django-allauth-2fa 0.12."""

from __future__ import annotations

from base64 import b32encode
from typing import TYPE_CHECKING

from django_otp.plugins.otp_totp.models import TOTPDevice

from drivers.allauth import AllauthDriver
from drivers.otp import add_static_tokens, add_totp_device

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from drivers.base import Account

AUTHENTICATE_URL = "/accounts/two-factor/authenticate/"
SETUP_URL = "/accounts/two-factor/setup/"
BACKUP_TOKENS_URL = "/accounts/two-factor/backup-tokens/"


class Allauth2FA012(AllauthDriver):
    """The old release: one field answers for every device."""

    def add_app(self, account: Account, secret: bytes, number: int) -> None:
        """Store a confirmed authenticator app."""
        add_totp_device(account, secret, f"app {number}")

    def add_recovery_codes(self, account: Account) -> list[str]:
        """Store static tokens."""
        return add_static_tokens(account)

    def challenge(self, client: Client) -> HttpResponse:
        """Load the page that asks for a code."""
        return client.get(AUTHENTICATE_URL)

    def answer(self, client: Client, account: Account, code: str, app: int) -> HttpResponse:
        """Post a code; which app it comes from is not said."""
        return client.post(AUTHENTICATE_URL, {"otp_token": code})

    def prepare_recovery(self, client: Client) -> None:
        """Recovery codes go into the same field."""

    def recover(self, client: Client, code: str) -> HttpResponse:
        """Post a recovery code."""
        return client.post(AUTHENTICATE_URL, {"otp_token": code})

    def forget_codes(self, account: Account) -> None:
        """Reset the step of the last code."""
        TOTPDevice.objects.filter(user=account.user).update(last_t=-1)

    def enrollment(self, client: Client) -> list[HttpResponse]:
        """Load the setup page, which holds the QR code."""
        return [client.get(SETUP_URL)]

    def new_secret(self, client: Client) -> str:
        """Return the secret of the device that waits."""
        return b32encode(TOTPDevice.objects.get(confirmed=False).bin_key).decode()

    def enroll(self, client: Client, code: str) -> HttpResponse:
        """Post the setup page."""
        return client.post(SETUP_URL, {"otp_token": code})

    def make_recovery_codes(self, client: Client) -> list[HttpResponse]:
        """Post the page of the recovery codes, which shows the new ones."""
        return [client.post(BACKUP_TOKENS_URL)]
