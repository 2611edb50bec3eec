"""Demo only: the phone that a visitor may not have at hand.

A real site knows the secrets of authenticator apps too, and must never show a code. This
module is all that breaks the rule, for the demo's own accounts and for whoever is signing
in; it answers nothing unless DEBUG is on.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from demosite.accounts import ACCOUNTS

# Where allauth_2fa keeps who is being asked for a code.
PENDING_KEY = "allauth_2fa_user_id"


@dataclass(frozen=True)
class LiveCode:
    """What an authenticator app shows at this moment."""

    device_id: int
    username: str
    name: str
    code: str
    changes_at: datetime


def own_codes(request: HttpRequest) -> list[LiveCode]:
    """Return the codes of the person who is signed in, or on the way in."""
    owner = request.session.get(SESSION_KEY) or request.session.get(PENDING_KEY)
    if not owner:
        return []
    # An app that waits to be confirmed matters on the setup page alone, where there is no other.
    return _codes(user=owner, confirmed=True) or _codes(user=owner)


def demo_codes() -> list[LiveCode]:
    """Return the codes of the accounts that the demo starts with."""
    names = [account.username for account in ACCOUNTS]
    return _codes(user__username__in=names, confirmed=True)


def seconds_left(codes: Iterable[LiveCode]) -> float:
    """Return how long all of the codes stay as they are."""
    return min((code.changes_at.timestamp() - time.time() for code in codes), default=30.0)


def _codes(**whose: Any) -> list[LiveCode]:
    if not settings.DEBUG:
        return []
    devices = TOTPDevice.objects.filter(**whose).select_related("user").order_by("pk")
    return [_code(device) for device in devices]


def _code(device: TOTPDevice) -> LiveCode:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time()
    changes_at = device.t0 + (totp.t() + 1) * device.step
    return LiveCode(
        device_id=device.pk,
        username=device.user.get_username(),
        name=device.name,
        code=f"{totp.token():0{device.digits}}",
        changes_at=datetime.fromtimestamp(changes_at, UTC),
    )
