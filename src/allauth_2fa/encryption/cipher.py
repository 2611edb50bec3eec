"""Encrypts secrets and hashes codes with the keys in ``ALLAUTH_2FA_ENCRYPTION_KEYS``; the newest key comes first.

An encrypted secret is ``~`` (the format marker) and the base 64 of: 3 bytes that name the key, the 16 byte authentication tag
(AES-SIV, RFC 5297), and as many bytes as the secret has. The 40 bytes that django-otp's column can hold at most become 80
characters, so every secret fits. The ciphertext is bound to its column and its owner and cannot be decrypted for any other. A
plain secret is a hexadecimal number, which never contains ``~``, so the two cannot be confused, and code that does not know
this module cannot compute codes from a ciphertext.

Encryption is deterministic: the same secret, owner, column and key give the same text. So an UPDATE can be conditional on the
text that a column must still hold.

A code that was sent is stored as ``:`` and 96 bits of a keyed digest. The code cannot be recovered from it; an answer can be
compared with it.

``cryptography`` is imported at the first encryption or decryption, and never while the setting is empty.
"""

from __future__ import annotations

import json
import math
from base64 import b85encode
from binascii import a2b_base64, b2a_base64
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from allauth_2fa import app_settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

ENCRYPTED = "~"
"""First character of an encrypted secret. Another format would get another first character."""

LONGEST = 40
"""Length of the longest secret in bytes: django-otp's column has 80 hexadecimal digits."""

NAME_SIZE, TAG_SIZE = 3, 16

DIGESTED = ":"
"""First character of the digest of a code."""

DIGEST_SIZE = 12
"""Length of a digest in bytes: the most that fits into the 16 characters of django-otp's column."""

DIGEST_LENGTH = 16

LEAST_LENGTH = 32
"""Length of the shortest key in characters. In base 64, as ``secrets.token_urlsafe`` makes it, that is 192 bits: more than enough."""

LEAST_BITS = 100
"""Least estimated entropy of a key in bits: its length times the logarithm of the number of different characters in it.

It rejects keys that a person typed and accepts generated ones: 32 random hexadecimal digits pass, since at least nine
different digits occur in them."""


class CannotDecryptError(ValueError):
    """An encrypted secret cannot be decrypted. The message says why and contains no part of the secret."""


class Key(NamedTuple):
    """One entry of the setting and the keys derived from it (HKDF-SHA256, RFC 5869)."""

    name: bytes
    siv: AESSIV
    digesting: bytes
    mismatch: type[Exception]
    """The exception that ``siv`` raises for a wrong key, owner, column or text."""

    def __repr__(self) -> str:
        """Return the name alone: error reports show this, and this holds keys."""
        return f"<{type(self).__name__}>"

    @property
    def id(self) -> str:
        """The name of the key in logs and commands: six hexadecimal digits that reveal nothing about the key."""
        return self.name.hex()


# The keys


@sensitive_variables("key")
def weakness(key: object) -> str:
    """Return why an entry of the setting cannot be a key, without showing it; an empty string if it can."""
    if not isinstance(key, str):
        return f"is of type {type(key).__name__}, not str"
    if len(key) < LEAST_LENGTH:
        return f"has {len(key)} characters, but needs at least {LEAST_LENGTH}"
    if len(key) * math.log2(len(set(key))) < LEAST_BITS:
        return "repeats itself too much to be random"
    if key in {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS}:
        return "is SECRET_KEY, and would be lost when that is changed"
    return ""


@sensitive_variables("entries")
def weaknesses(entries: object) -> list[str]:
    """Return what is wrong with the setting, without showing any of it; an empty list if nothing is wrong."""
    if not isinstance(entries, list | tuple):
        return [f"it is of type {type(entries).__name__}, not list"]
    found = [f"entry {number} {weak}" for number, weak in enumerate(map(weakness, entries), 1) if weak]
    if not found and len(set(entries)) < len(entries):
        found.append("two entries are the same")
    return found


@sensitive_variables("entries")
def site_keys() -> tuple[Key, ...]:
    """Return the site's keys, the newest first; none if the setting is empty.

    Raises:
        ImproperlyConfigured: an entry cannot be a key, or ``cryptography`` is not installed. No secret is read or written
            then: a mistake in a setting must not leave secrets readable.
    """
    entries = app_settings.ENCRYPTION_KEYS
    if not entries:
        return ()
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) for entry in entries):
        raise _unusable(entries)
    return _derived(tuple(entries))


@sensitive_variables("entries")
def _unusable(entries: object) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"ALLAUTH_2FA_ENCRYPTION_KEYS cannot be used: {'; '.join(weaknesses(entries))}.")


@lru_cache(maxsize=4)
@sensitive_variables()
def _derived(entries: tuple[str, ...]) -> tuple[Key, ...]:
    if weaknesses(entries):
        raise _unusable(entries)
    try:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an optional library
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415 - the same
    except ImportError:
        message = "ALLAUTH_2FA_ENCRYPTION_KEYS is set, and cryptography is not installed: pip install 'django-allauth-2fa[encryption]'."
        raise ImproperlyConfigured(message) from None

    @sensitive_variables("entry")
    def derive(entry: str, use: bytes, size: int) -> bytes:
        return HKDF(SHA256(), size, salt=None, info=b"allauth_2fa 1 " + use).derive(entry.encode())

    return tuple(
        Key(
            name=derive(entry, b"name", NAME_SIZE),
            siv=AESSIV(derive(entry, b"secrets", 64)),
            digesting=derive(entry, b"codes", 32),
            mismatch=InvalidTag,
        )
        for entry in entries
    )


# Secrets


def is_encrypted(text: str) -> bool:
    """Return whether the text is an encrypted secret, whether or not it can be decrypted."""
    return text.startswith(ENCRYPTED)


def key_id(text: str) -> str:
    """Return the name of the key that a secret was encrypted with, whether or not the site has that key.

    Raises:
        CannotDecryptError: the text is damaged.
    """
    return _unpacked(text)[:NAME_SIZE].hex()


@sensitive_variables("secret")
def encrypt(secret: bytes, key: Key, column_name: str, owner: str) -> str:
    """Return the ciphertext of a secret for this column and owner.

    Args:
        secret: 1 to :data:`LONGEST` bytes.
        key: one of :func:`site_keys`.
        column_name: the name of the column, ``app.model.field``. It must never change.
        owner: the primary key of the user, as text.
    """
    return ENCRYPTED + _as_text(key.name + key.siv.encrypt(secret, _bound(column_name, owner)))


@sensitive_variables("secret")
def decrypt(text: str, column_name: str, owner: str) -> bytes:
    """Return the secret that was encrypted for this column and owner with any of the site's keys.

    Raises:
        CannotDecryptError: the key is missing, the text was changed, or it was encrypted for another owner or column.
    """
    packed = _unpacked(text)
    named = [key for key in site_keys() if key.name == packed[:NAME_SIZE]]
    if not named:
        raise CannotDecryptError(f"ALLAUTH_2FA_ENCRYPTION_KEYS has no key {packed[:NAME_SIZE].hex()}")
    for key in named:
        try:
            return key.siv.decrypt(packed[NAME_SIZE:], _bound(column_name, owner))
        except key.mismatch:
            continue
    raise CannotDecryptError("it was changed, or it belongs to another user")


def _bound(column_name: str, owner: str) -> list[bytes]:
    return [b"allauth_2fa", column_name.encode(), owner.encode()]


def _unpacked(text: str) -> bytes:
    """Return the bytes of an encrypted text. Base 64 that is not in its canonical form is refused."""
    packed = text.removeprefix(ENCRYPTED)
    try:
        found = a2b_base64(packed + "=" * (-len(packed) % 4))
    except ValueError:
        found = b""
    if len(found) <= NAME_SIZE + TAG_SIZE or _as_text(found) != packed:
        raise CannotDecryptError("it is damaged")
    return found


def _as_text(packed: bytes) -> str:
    return b2a_base64(packed, newline=False).decode("ascii").rstrip("=")


# Codes that were sent


def is_digest(text: str) -> bool:
    """Return whether the text is the digest of a code."""
    return len(text) == DIGEST_LENGTH and text.startswith(DIGESTED)


@sensitive_variables("code")
def digest(code: str, key: Key, column_name: str, owner: str) -> str:
    """Return the digest of a code for this column and owner."""
    bound = json.dumps([column_name, owner, code])
    hashed = salted_hmac("allauth_2fa.code", bound, secret=key.digesting, algorithm="sha256").digest()
    return DIGESTED + b85encode(hashed[:DIGEST_SIZE]).decode("ascii")


@sensitive_variables("code")
def is_digest_of(text: str, code: str, column_name: str, owner: str) -> bool:
    """Return whether the text is the digest of this code under any of the site's keys, in constant time."""
    # A list, so that the comparison with one key does not depend on the others.
    matches = [constant_time_compare(text, digest(code, key, column_name, owner)) for key in site_keys()]
    return any(matches)
