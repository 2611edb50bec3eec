"""Reads and limits the messages of a WebAuthn ceremony: the pending challenge, and the browser's answer to it.

Reading an answer does not verify it. django-otp-webauthn's helper verifies it (see :mod:`.webauthn`); this module checks what
the helper does not.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from webauthn.helpers import base64url_to_bytes, parse_attestation_object

from allauth_2fa.exceptions import PasskeyNotAdded, PasskeyRefused

logger = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=5)
"""Longest lifetime of a challenge: the default of WebAuthn Level 3 (15.1), and the shortest time that it recommends.
``OTP_WEBAUTHN_TIMEOUT_SECONDS`` can make it shorter."""

LONGEST_ASSERTION = 16 * 1024
"""Length of the longest answer in characters of JSON. Its largest parts are the signature (at most 4,627 bytes, with ML-DSA-87)
and the credential's id (at most 1,023 bytes)."""

LONGEST_ATTESTATION = 64 * 1024
"""Length of the longest registration in characters of JSON: an attestation may hold a chain of certificates."""

FLAGS, COUNTER = 32, slice(33, 37)
"""Positions of the flags and the signature counter in the authenticator data (WebAuthn Level 3, 6.1)."""

USER_VERIFIED = 1 << 2
"""Flag: the authenticator has verified the user (WebAuthn Level 3, 6.1)."""


BACKUP_ELIGIBLE = 1 << 3
"""Flag: the passkey may be backed up (WebAuthn Level 3, 6.1.3)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A pending challenge: the helper's state to verify the answer, and the time in which it is valid."""

    state: dict[str, Any]
    asked_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Assertion:
    """The answer of a passkey, as the browser sends it. Reading it does not verify it."""

    data: dict[str, Any]
    credential_id: bytes
    user_handle: bytes | None
    user_verified: bool
    counter: int
    backup_eligible: bool

    @classmethod
    def read(cls, text: str) -> Assertion:
        """Read an answer from the browser's JSON.

        Raises:
            PasskeyRefused: it is not valid JSON of an answer, or was made in a frame of another site's page.
        """
        try:
            data = _object(text, LONGEST_ASSERTION)
            response = data["response"]
            _refuse_frames(response)
            signed, handle = base64url_to_bytes(response["authenticatorData"]), response.get("userHandle")
            return cls(
                data=data,
                credential_id=base64url_to_bytes(data["rawId"]),
                user_handle=base64url_to_bytes(handle) if handle else None,
                user_verified=bool(signed[FLAGS] & USER_VERIFIED),
                counter=int.from_bytes(signed[COUNTER], "big"),
                backup_eligible=bool(signed[FLAGS] & BACKUP_ELIGIBLE),
            )
        except UNREADABLE:
            raise PasskeyRefused from None


UNREADABLE = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""The exceptions that malformed JSON or base 64 can raise."""


def _object(text: str, longest: int) -> dict[str, Any]:
    data = json.loads(text) if len(text) <= longest else None
    if not isinstance(data, dict):
        raise TypeError
    return data


def _refuse_frames(response: dict[str, Any]) -> None:
    """Refuse an answer that was made in a frame of another site's page (WebAuthn Level 3, 13.4.2).

    Raises:
        ValueError: it was made in such a frame.
    """
    client_data = json.loads(base64url_to_bytes(response["clientDataJSON"]))
    if client_data.get("crossOrigin") or "topOrigin" in client_data:
        raise ValueError


def put(options: dict[str, Any], state: dict[str, Any]) -> Question:
    """Limit the time in which the options can be answered, and return the pending challenge."""
    longest = int(LIFETIME / timedelta(milliseconds=1))
    options["timeout"] = min(options.get("timeout") or longest, longest)
    now = timezone.now()
    return Question(state, asked_at=now, until=now + timedelta(milliseconds=options["timeout"]))


def read_new(text: str) -> tuple[dict[str, Any], Any]:
    """Read the browser's JSON of a new passkey, and return it with its authenticator data.

    Raises:
        PasskeyNotAdded: it cannot be read, or was made in a frame of another site's page.
    """
    try:
        data = _object(text, LONGEST_ATTESTATION)
        _refuse_frames(data["response"])
        return data, parse_attestation_object(base64url_to_bytes(data["response"]["attestationObject"])).auth_data
    except Exception as error:  # noqa: BLE001 - the library raises any exception for malformed input
        logger.info("A new passkey could not be read: %s", type(error).__name__)
        raise PasskeyNotAdded from None
