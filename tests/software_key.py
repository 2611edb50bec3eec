"""An authenticator in software: a real key that really signs, and lies where a test tells it to."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN, DOMAIN = "https://example.com", "example.com"

PRESENT, VERIFIED, ATTESTED = 1 << 0, 1 << 2, 1 << 6
"""The flags of WebAuthn Level 3, 6.1."""

NOBODY = bytes(16)
"""The model of an authenticator that does not tell it."""


def text_of(raw: bytes) -> str:
    """Write bytes as WebAuthn does in JSON."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def bytes_of(text: str) -> bytes:
    """Read bytes that are written like that."""
    return urlsafe_b64decode(text + "===")


@dataclass
class SoftwareKey:
    """One passkey, in a phone or a security key.

    ``counts``: how far its counter goes with each use, 0 for one that does not count. ``verifies``: whether it checks who
    is there, by a PIN say.
    """

    counts: int = 1
    verifies: bool = True
    counter: int = 0
    user_handle: bytes | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def public_key(self) -> bytes:
        """The public key as it is stored: RFC 9053, 7.1.1, with ES256."""
        point = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})

    def _flags(self, lies: dict[str, Any]) -> int:
        return lies.get("flags", PRESENT | (VERIFIED if self.verifies else 0))

    def _data(self, flags: int, lies: dict[str, Any]) -> bytes:
        self.counter += self.counts
        domain = hashlib.sha256(lies.get("domain", DOMAIN).encode()).digest()
        return domain + bytes([flags]) + lies.get("counter", self.counter).to_bytes(4, "big")

    def _client_data(self, kind: str, options: dict[str, Any], lies: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": ORIGIN, "crossOrigin": False}
        return json.dumps(said | lies.get("client_data", {})).encode()

    def _envelope(self, response: dict[str, Any], lies: dict[str, Any]) -> str:
        key_id = text_of(lies.get("id", self.id))
        given = {"id": key_id, "rawId": key_id, "type": "public-key", "clientExtensionResults": {}, "response": response}
        return json.dumps(given | lies.get("envelope", {}))

    def create(self, options: dict[str, Any], **lies: Any) -> str:
        """Make the passkey that the site asks for, and return what the browser hands over."""
        self.user_handle = bytes_of(options["user"]["id"])
        attested = NOBODY + len(self.id).to_bytes(2, "big") + self.id + self.public_key
        data = self._data(self._flags(lies) | ATTESTED, lies) + lies.get("attested", attested)
        statement = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data} | lies.get("statement", {}))
        client_data = self._client_data("webauthn.create", options, lies)
        response = {"clientDataJSON": text_of(client_data), "attestationObject": text_of(statement), "transports": ["internal"]}
        return self._envelope(response | lies.get("response", {}), lies)

    def get(self, options: dict[str, Any], **lies: Any) -> str:
        """Sign the challenge, and return what the browser hands over."""
        data = self._data(self._flags(lies), lies)
        client_data = self._client_data("webauthn.get", options, lies)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": text_of(client_data), "authenticatorData": text_of(data), "signature": text_of(signature)}
        handle = lies.get("user_handle", self.user_handle)
        if handle:
            response["userHandle"] = text_of(handle)
        return self._envelope(response | lies.get("response", {}), lies)
