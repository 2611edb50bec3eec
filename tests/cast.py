"""Who plays in the tests, and what they can do: real codes from real secrets, forms posted as found on the page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.urls import reverse
from django_otp import oath

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from django.test import Client
    from django_otp.plugins.otp_totp.models import TOTPDevice

PASSWORD = "correct horse battery staple"


def code_of(device: TOTPDevice, offset: int = 0) -> str:
    """Return the code that the device shows now, or ``offset`` steps from now."""
    totp = oath.TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + offset * device.step
    return str(totp.token()).zfill(device.digits)


def wrong_code_of(device: TOTPDevice) -> str:
    """Return digits that the device shows at no time near now."""
    shown = {code_of(device, offset) for offset in range(-150, 151)}
    return next(code for code in ("000000", "111111", "123456", "654321", "999999") if code not in shown)


def give_password(client: Client, user: User, query: str = "", **fields: str) -> HttpResponse:
    """Post the login form."""
    return client.post(reverse("account_login") + query, {"login": user.username, "password": PASSWORD, **fields})


def give_answer(client: Client, answer: str, **fields: str) -> HttpResponse:
    """Post the challenge's form."""
    return client.post(reverse("two-factor-authenticate"), {"otp_token": answer, **fields})


def log_in(client: Client, user: User, device: TOTPDevice) -> HttpResponse:
    """Log in by password and code."""
    give_password(client, user)
    return give_answer(client, code_of(device))


def is_logged_in(client: Client) -> bool:
    """Tell whether the client's session names a user, whoever may see that."""
    return "_auth_user_id" in client.session


def is_pending(client: Client) -> bool:
    """Tell whether the client's session holds a half-finished login that waits for a second factor."""
    return "allauth_2fa_user_id" in client.session and "account_login" in client.session
