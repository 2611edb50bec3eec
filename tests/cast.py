"""Who plays in the tests, and what they can do: real codes from real secrets, forms posted as found on the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django_otp import oath

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet
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


def shows(text: str, code: str) -> bool:
    """Return whether the code stands in the text: not as six digits of a longer number, of which a report has thousands."""
    return re.search(rf"(?<!\d){code}(?!\d)", text) is not None


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
    """Return whether the client's session names a user, whether or not a page shows that user."""
    return "_auth_user_id" in client.session


def is_pending(client: Client) -> bool:
    """Return whether the client's session holds a pending login that waits for a second factor."""
    return "allauth_2fa_user_id" in client.session and "account_login" in client.session


def noted(client: Client) -> dict[str, Any]:
    """Return what the client's session holds of this package, for whichever user."""
    return client.session.get("allauth_2fa", {})


def plant(client: Client, user: User, **facts: object) -> None:
    """Put facts into the entry of this package in the client's session, as if they had been noted of that user."""
    session = client.session
    session["allauth_2fa"] = {**session.get("allauth_2fa", {}), "user": str(user.pk), **facts}
    session.save()


def forget(client: Client, *names: str) -> None:
    """Take facts out of the entry of this package in the client's session."""
    session = client.session
    session["allauth_2fa"] = {name: value for name, value in session["allauth_2fa"].items() if name not in names}
    session.save()


def run_with(settings: str, *folders: str) -> None:
    """Run folders of tests with other settings, in a process of its own: apps cannot be installed half-way through a run."""
    command = [sys.executable, "-m", "pytest", f"--ds={settings}", "-p", "no:cacheprovider", *folders]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    root = Path(__file__).parents[1]
    run = subprocess.run(command, cwd=root, env=inherited, capture_output=True, text=True, check=False)  # noqa: S603 - our own tests
    assert run.returncode == 0, run.stdout + run.stderr


def drop(rows: QuerySet) -> None:
    """Delete the rows as a tool of the database does, of which nobody hears."""
    rows._raw_delete(rows.db)
