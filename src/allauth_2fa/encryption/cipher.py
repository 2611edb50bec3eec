"""Secrets and codes as the database keeps them: sealed by the keys in ``ALLAUTH_2FA_ENCRYPTION_KEYS``, the newest first.

A sealed secret is ``~``, which says how it was made, then base 64 of three bytes that name the key, sixteen that authenticate
(AES-SIV, RFC 5297) and as many as the secret has: 80 characters for the 40 bytes that django-otp's column can hold at most,
so that every secret fits. It is bound to its column and its owner, and means nothing elsewhere. A secret is a hexadecimal
number, which has no ``~``: nobody takes one for the other, and code that knows nothing of this module cannot make codes of
what is sealed.

The same secret of the same owner gives the same text under the same key. So a column can be compared with what it must
still hold.

A code that was sent is kept as ``:`` and 96 bits of a keyed digest: what it was cannot be told, only whether an answer is it.

``cryptography`` is imported when the first thing is sealed or opened, and never while the setting is empty.
"""

from __future__ import annotations

import json
import math
from base64 import b85encode
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from allauth_2fa import app_settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

SEALED = "~"
"""How a sealed secret begins. What is made in another way, one day, begins in another way."""

LONGEST = 40
"""Bytes of the longest secret: django-otp's column has 80 hexadecimal digits."""

NAME_SIZE, TAG_SIZE = 3, 16

DIGESTED = ":"
"""How the digest of a code begins."""

DIGEST_SIZE = 12
"""Bytes of a digest: what fits into the 16 characters of django-otp's column."""

DIGEST_LENGTH = 16

LEAST_LENGTH = 32
"""Characters of the shortest key. Its 192 bits, if they are base 64 as from ``secrets.token_urlsafe``, are more than enough."""

LEAST_BITS = 100
"""What a key must have if each of its characters were drawn from those that occur in it. It catches what was typed, and not
what was generated: 32 random hexadecimal digits have more, since nine or more different ones occur."""


class CannotOpenError(ValueError):
    """A sealed secret cannot be opened. The text says why, and holds nothing of it."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One key of the setting, and what is derived from it (HKDF-SHA256, RFC 5869)."""

    name: bytes
    siv: AESSIV
    digesting: bytes
    mismatch: type[Exception]
    """What ``siv`` raises where it is not the right key, owner, column or text."""

    @property
    def id(self) -> str:
        """The name by which logs and the command call the key: six hexadecimal digits that tell nothing of it."""
        return self.name.hex()


# The keys


@sensitive_variables("key")
def weakness(key: object) -> str:
    """Say why an entry of the setting cannot be a key, without showing it; an empty string if it can."""
    if not isinstance(key, str):
        return f"is of type {type(key).__name__}, not str"
    if len(key) < LEAST_LENGTH:
        return f"has {len(key)} characters, {LEAST_LENGTH} are the least"
    if len(key) * math.log2(len(set(key))) < LEAST_BITS:
        return "repeats itself too much to be random"
    if key in {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS}:
        return "is SECRET_KEY, and would be lost when that is changed"
    return ""


@sensitive_variables("entries")
def weaknesses(entries: object) -> list[str]:
    """Say what is wrong with the setting, without showing any of it; an empty list if nothing is."""
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
        ImproperlyConfigured: an entry cannot be a key, or ``cryptography`` is not installed. Then nothing is read or
            written that would have to be sealed: a mistake in a setting must not leave secrets readable.
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


def is_sealed(text: str) -> bool:
    """Return whether the text is a sealed secret, whether or not it can be opened."""
    return text.startswith(SEALED)


def key_id(text: str) -> str:
    """Return the name of the key by which a sealed secret was sealed, whether or not the site has it.

    Raises:
        CannotOpenError: the text is damaged.
    """
    return _unpacked(text)[:NAME_SIZE].hex()


@sensitive_variables("secret")
def seal(secret: bytes, key: Key, column_name: str, owner: str) -> str:
    """Return the secret as the column of this owner keeps it.

    Args:
        secret: 1 to :data:`LONGEST` bytes.
        key: one of :func:`site_keys`.
        column_name: the name of the column, which must not change.
        owner: the primary key of the user, as text.
    """
    return SEALED + _as_text(key.name + key.siv.encrypt(secret, _bound(column_name, owner)))


@sensitive_variables("secret")
def unseal(text: str, column_name: str, owner: str) -> bytes:
    """Return the secret that was sealed for this column and owner by any of the site's keys.

    Raises:
        CannotOpenError: the key is not there, or the text was changed, or it was sealed for another owner or another column.
    """
    packed = _unpacked(text)
    named = [key for key in site_keys() if key.name == packed[:NAME_SIZE]]
    if not named:
        raise CannotOpenError(f"ALLAUTH_2FA_ENCRYPTION_KEYS has no key {packed[:NAME_SIZE].hex()}")
    for key in named:
        try:
            return key.siv.decrypt(packed[NAME_SIZE:], _bound(column_name, owner))
        except key.mismatch:
            continue
    raise CannotOpenError("it was changed, or it belongs to another user")


def _bound(column_name: str, owner: str) -> list[bytes]:
    return [b"allauth_2fa", column_name.encode(), owner.encode()]


def _unpacked(text: str) -> bytes:
    """Return the bytes of a sealed text. There is one way to write them: all others are refused."""
    packed = text.removeprefix(SEALED)
    try:
        found = a2b_base64(packed + "=" * (-len(packed) % 4))
    except ValueError:
        found = b""
    if len(found) <= NAME_SIZE + TAG_SIZE or _as_text(found) != packed:
        raise CannotOpenError("it is damaged")
    return found


def _as_text(packed: bytes) -> str:
    return b2a_base64(packed, newline=False).decode("ascii").rstrip("=")


# Codes that were sent


def is_digest(text: str) -> bool:
    """Return whether the text is the digest of a code."""
    return len(text) == DIGEST_LENGTH and text.startswith(DIGESTED)


@sensitive_variables("code")
def digest(code: str, key: Key, column_name: str, owner: str) -> str:
    """Return what the column of this owner keeps of a code."""
    bound = json.dumps([column_name, owner, code])
    hashed = salted_hmac("allauth_2fa.code", bound, secret=key.digesting, algorithm="sha256").digest()
    return DIGESTED + b85encode(hashed[:DIGEST_SIZE]).decode("ascii")


@sensitive_variables("code")
def is_digest_of(text: str, code: str, column_name: str, owner: str) -> bool:
    """Return whether the text is the digest of this code by any of the site's keys. How long it takes tells nothing."""
    return any([constant_time_compare(text, digest(code, key, column_name, owner)) for key in site_keys()])  # noqa: C419 - each key takes its time
