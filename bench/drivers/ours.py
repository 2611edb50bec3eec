"""This package: the paths of 0.12, answers addressed to one device."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from browser import Browser
from codes import code_now
from django.contrib.sessions.models import Session
from django_otp.plugins.otp_totp.models import TOTPDevice

from drivers.a0 import AUTHENTICATE_URL, Allauth2FA012

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from drivers.base import Account


class Allauth2FA(Allauth2FA012):
    """The same pages; a user with several apps says which one is meant."""

    recovery_code = r"\b[0-9a-z]{4}(?:-[0-9a-z]{4}){3}\b"

    def __init__(self) -> None:
        """Begin without users."""
        self._ids: dict[bytes, str] = {}

    def add_app(self, account: Account, secret: bytes, number: int) -> None:
        """Store an app, and keep what the page's choice of devices calls it."""
        super().add_app(account, secret, number)
        device = TOTPDevice.objects.get(key=secret.hex())
        self._ids[secret] = device.persistent_id

    def add_recovery_codes(self, account: Account) -> list[str]:
        """Make them as a person does: they are readable once, on the page."""
        browser = Browser()
        self.password(browser, account)
        self.answer(browser, account, code_now(account.secrets[0]), app=0)
        page = self.make_recovery_codes(browser)[-1]
        codes = re.findall(self.recovery_code, page.content.decode())
        # The code that this took is unused again, and nobody is signed in.
        TOTPDevice.objects.filter(user=account.user).update(last_t=-1)
        Session.objects.all().delete()
        return list(dict.fromkeys(codes))

    def answer(self, client: Client, account: Account, code: str, app: int) -> HttpResponse:
        """Post a code, and with it the app that was chosen if there are several."""
        fields = {"otp_token": code}
        if len(account.secrets) > 1:
            fields["device"] = self._ids[account.secrets[app]]
        return client.post(AUTHENTICATE_URL, fields)
