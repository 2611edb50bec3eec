"""What an authenticator app does: codes from a secret (RFC 6238)."""

from __future__ import annotations

import hashlib
import hmac
import time

PERIOD = 30
DIGITS = 6


def code_at(secret: bytes, moment: float) -> str:
    """Return the code that an app shows at that time."""
    counter = int(moment // PERIOD).to_bytes(8, "big")
    digest = hmac.new(secret, counter, hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def code_now(secret: bytes) -> str:
    """Return the code that an app shows now."""
    return code_at(secret, time.time())


def wrong_code(secrets: list[bytes]) -> str:
    """Return digits that no app of these shows within an hour."""
    now = time.time()
    steps = range(-120, 121)
    right = {code_at(secret, now + step * PERIOD) for secret in secrets for step in steps}
    return next(candidate for number in range(10**DIGITS) if (candidate := f"{number:0{DIGITS}}") not in right)
