"""The values in memory of encrypted columns: strings as django-otp expects them, which also carry their stored text."""

from __future__ import annotations

from binascii import unhexlify
from typing import Any, Self

from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from . import cipher

OWNER = frozenset({"user", "user_id"})
"""Names of the owner among the fields of a device."""


class Undecrypted(str):
    """An encrypted text that was loaded without its owner and is decrypted at its first use. It is not a hexadecimal number."""

    __slots__ = ()


class StoredValue(str):
    """A value together with the text that the database stores for it, which is bound to a column and an owner."""

    __slots__ = ("column_name", "owner", "stored")

    column_name: str
    owner: str
    stored: str

    def __new__(cls, value: str, stored: str, column_name: str, owner: str) -> Self:
        kept = super().__new__(cls, value)
        kept.stored, kept.column_name, kept.owner = stored, column_name, owner
        return kept

    def __repr__(self) -> str:
        # Error reports and shells show the representation of every local variable.
        return f"<{type(self).__name__} of {self.column_name}>"


class Secret(StoredValue):
    """A secret that is encrypted in the database, and in pickles too, since caches store pickles."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return decrypted, (self.stored, self.column_name, self.owner)


class Unreadable(StoredValue):
    """A secret that cannot be read. Its stored text stays unchanged and is not a hexadecimal number, so no code can be computed."""

    __slots__ = ("reason",)

    reason: str

    def __reduce__(self) -> Any:
        return decrypted, (self.stored, self.column_name, self.owner)


class Digested(StoredValue):
    """The digest of a code. It equals the code and no other text, not even the text of the digest."""

    __slots__ = ()

    @sensitive_variables("other")
    def __eq__(self, other: object) -> bool:
        if isinstance(other, Digested):
            return other.stored == self.stored
        return isinstance(other, str) and cipher.is_digest_of(self.stored, other, self.column_name, self.owner)

    @sensitive_variables("other")
    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __reduce__(self) -> Any:
        return Digested, (self.stored, self.stored, self.column_name, self.owner)


class Sent(StoredValue):
    """A new code that is still to be sent; the database and pickles hold its digest."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        # Python asks the left operand first; only the digest can compare itself with a code.
        return other == str(self) if isinstance(other, Digested) else str(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __reduce__(self) -> Any:
        return Digested, (self.stored, self.stored, self.column_name, self.owner)


@sensitive_variables("secret")
def decrypted(text: str, column_name: str, owner: str) -> str:
    """Return the secret of a stored text, which may be plain or encrypted, or :class:`Unreadable` with the reason."""
    try:
        if not cipher.is_encrypted(text):
            unhexlify(text)
            return text
        secret = cipher.decrypt(text, column_name, owner)
    except cipher.CannotDecryptError as error:
        reason = str(error)
    except ValueError:
        reason = "it is no hexadecimal number"
    else:
        return Secret(secret.hex(), text, column_name, owner)
    unreadable = Unreadable(text, text, column_name, owner)
    unreadable.reason = reason
    return unreadable


@sensitive_variables("plain", "secret")
def encrypted(plain: str, column_name: str, owner: str) -> str:
    """Return the secret with the text to store: encrypted with the newest key, or plain on a site without keys.

    A text that is not a secret is returned unchanged: an empty one, or one that is not a hexadecimal number.
    """
    keys = cipher.site_keys()
    secret = bytes_of(plain)
    if not keys or not secret:
        return str(plain)
    return Secret(plain, cipher.encrypt(secret, keys[0], column_name, owner), column_name, owner)


@sensitive_variables("code")
def digested(code: str, column_name: str, owner: str) -> str:
    """Return the code with the digest to store, or the plain code on a site without keys."""
    keys = cipher.site_keys()
    return Sent(code, cipher.digest(code, keys[0], column_name, owner), column_name, owner) if keys else str(code)


@sensitive_variables("plain", "secret")
def equivalent_ciphertexts(plain: str, column_name: str, owner: str) -> list[str]:
    """Return all texts that a column may hold for a secret: the plain one, and one ciphertext for each of the site's keys."""
    secret = bytes_of(plain)
    return [str(plain), *(cipher.encrypt(secret, key, column_name, owner) for key in cipher.site_keys() if secret)]


def at_rest(value: Any) -> Any:
    """Return the text that the database stores for a value. It is the same before and after a reload."""
    return value.stored if isinstance(value, StoredValue) else value


@sensitive_variables("value", "answer")
def is_code(value: str, answer: str) -> bool:
    """Return, in constant time, whether an answer is the code that a device holds, plain or as a digest.

    Django's ``constant_time_compare`` cannot compare digests: it would refuse every right answer.
    """
    return answer == value if isinstance(value, Digested) else constant_time_compare(value, answer)


@sensitive_variables("plain")
def bytes_of(plain: str) -> bytes:
    """Return the bytes of a hexadecimal secret; no bytes if it is not hexadecimal or too long for the column."""
    try:
        secret = unhexlify(plain)
    except ValueError:
        return b""
    return secret if len(secret) <= cipher.LONGEST else b""
