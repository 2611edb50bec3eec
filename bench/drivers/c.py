"""django-two-factor-auth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_otp.plugins.otp_totp.models import TOTPDevice

from drivers.base import PASSWORD, Account, Driver
from drivers.otp import add_static_tokens, add_totp_device

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

LOGIN_URL = "/account/login/"
SETUP_URL = "/account/two_factor/setup/"
QR_URL = "/account/two_factor/qrcode/"
BACKUP_TOKENS_URL = "/account/two_factor/backup/tokens/"


class TwoFactorAuth(Driver):
    """A wizard: the answer to the password is the page that asks for a code."""

    login_url = LOGIN_URL
    has_challenge_page = False
    answers_with_any_app = False

    def add_app(self, account: Account, secret: bytes, number: int) -> None:
        """Store an app; the one named default is asked."""
        add_totp_device(account, secret, f"app {number}" if number else "default")

    def add_recovery_codes(self, account: Account) -> list[str]:
        """Store static tokens."""
        return add_static_tokens(account)

    def password(self, client: Client, account: Account) -> HttpResponse:
        """Post the first step of the wizard."""
        return client.post(
            LOGIN_URL,
            {
                "login_view-current_step": "auth",
                "auth-username": account.username,
                "auth-password": PASSWORD,
            },
        )

    def challenge(self, client: Client) -> HttpResponse:
        """Refuse: there is no such page."""
        raise NotImplementedError

    def answer(self, client: Client, account: Account, code: str, app: int) -> HttpResponse:
        """Post the second step of the wizard."""
        return client.post(LOGIN_URL, {"login_view-current_step": "token", "token-otp_token": code})

    def prepare_recovery(self, client: Client) -> None:
        """Go to the wizard's step for recovery codes."""
        client.post(LOGIN_URL, {"wizard_goto_step": "backup"})

    def recover(self, client: Client, code: str) -> HttpResponse:
        """Post a recovery code."""
        return client.post(LOGIN_URL, {"login_view-current_step": "backup", "backup-otp_token": code})

    def forget_codes(self, account: Account) -> None:
        """Reset the step of the last code."""
        TOTPDevice.objects.filter(user=account.user).update(last_t=-1)

    def enrollment(self, client: Client) -> list[HttpResponse]:
        """Walk through the wizard until the browser has fetched the QR code."""
        return [
            client.get(SETUP_URL),
            client.post(SETUP_URL, {"setup_view-current_step": "welcome"}),
            client.get(QR_URL),
        ]

    def new_secret(self, client: Client) -> str:
        """Return the secret, which the session has."""
        secret: str = client.session["django_two_factor-qr_secret_key"]
        return secret

    def enroll(self, client: Client, code: str) -> HttpResponse:
        """Post the wizard's last step."""
        return client.post(SETUP_URL, {"setup_view-current_step": "generator", "generator-token": code})

    def make_recovery_codes(self, client: Client) -> list[HttpResponse]:
        """Post the page that makes the codes, which leads to the one with them."""
        return [client.post(BACKUP_TOKENS_URL)]
