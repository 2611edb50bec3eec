"""What goes back and forth when a browser is asked for a passkey: the question that waits, and what is handed over for it.

Reading what is handed over proves nothing. It is looked at by django-otp-webauthn's helper (:mod:`.webauthn`); what that
does not look at is here.
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
"""How long a challenge can be answered at most: the default of WebAuthn Level 3 (15.1), and the shortest time that it
recommends. ``OTP_WEBAUTHN_TIMEOUT_SECONDS`` makes it shorter."""

LONGEST_ASSERTION = 16 * 1024
"""Characters of JSON that are read of an answer. The largest parts are the signature, at most 4,627 bytes with ML-DSA-87, and
the key's id with at most 1,023."""

LONGEST_ATTESTATION = 64 * 1024
"""Characters of JSON that are read of a new passkey: an attestation may hold a chain of certificates."""

FLAGS, COUNTER = 32, slice(33, 37)
"""Where an authenticator's data holds its flags, and how often it has signed (WebAuthn Level 3, 6.1)."""

USER_VERIFIED = 1 << 2
"""The flag that the authenticator has checked who is there (WebAuthn Level 3, 6.1)."""


BACKUP_ELIGIBLE = 1 << 3
"""The flag that a passkey may be kept elsewhere too (WebAuthn Level 3, 6.1.3)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A challenge that was put to a browser: what the helper needs to judge the answer, and within which time it counts."""

    state: dict[str, Any]
    asked_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a passkey has signed, as the browser hands it over. Reading it proves nothing."""

    data: dict[str, Any]
    credential_id: bytes
    user_handle: bytes | None
    user_verified: bool
    counter: int
    backup_eligible: bool

    @classmethod
    def read(cls, text: str) -> Assertion:
        """Read the browser's JSON.

        Raises:
            PasskeyRefused: it is none, or was made in a frame of another site's page.
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
"""What reading somebody's JSON and base 64 can raise."""


def _object(text: str, longest: int) -> dict[str, Any]:
    data = json.loads(text) if len(text) <= longest else None
    if not isinstance(data, dict):
        raise TypeError
    return data


def _refuse_frames(response: dict[str, Any]) -> None:
    """Refuse what was made in a frame of another site's page: our pages stand in no frames (WebAuthn Level 3, 13.4.2)."""
    client_data = json.loads(base64url_to_bytes(response["clientDataJSON"]))
    if client_data.get("crossOrigin") or "topOrigin" in client_data:
        raise ValueError


def put(options: dict[str, Any], state: dict[str, Any]) -> Question:
    """Limit the time in which the options can be answered, and return the question."""
    longest = int(LIFETIME / timedelta(milliseconds=1))
    options["timeout"] = min(options.get("timeout") or longest, longest)
    now = timezone.now()
    return Question(state, asked_at=now, until=now + timedelta(milliseconds=options["timeout"]))


def read_new(text: str) -> tuple[dict[str, Any], Any]:
    """Return the browser's JSON of a new passkey, and the data of the authenticator in it."""
    try:
        data = _object(text, LONGEST_ATTESTATION)
        _refuse_frames(data["response"])
        return data, parse_attestation_object(base64url_to_bytes(data["response"]["attestationObject"])).auth_data
    except Exception as error:  # noqa: BLE001 - the library raises any, for what anybody may post
        logger.info("A new passkey could not be read: %s", type(error).__name__)
        raise PasskeyNotAdded from None
