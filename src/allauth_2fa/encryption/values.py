"""What stands in memory for a text that the database keeps: strings like those that django-otp knows, and one thing more."""

from __future__ import annotations

from binascii import unhexlify
from typing import Any, Self

from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from . import cipher

OWNER = frozenset({"user", "user_id"})
"""How a device's owner is called among the fields that are written."""


class Waiting(str):
    """A sealed text that was loaded without its owner, until somebody asks for it. It is no hexadecimal number either."""

    __slots__ = ()


class Kept(str):
    """A value of which the database keeps another text, ``stored``, that is bound to a place, the column, and an owner."""

    __slots__ = ("column_name", "owner", "stored")

    column_name: str
    owner: str
    stored: str

    def __new__(cls, value: str, stored: str, column_name: str, owner: str) -> Self:
        kept = super().__new__(cls, value)
        kept.stored, kept.column_name, kept.owner = stored, column_name, owner
        return kept

    def __repr__(self) -> str:
        # Error reports and shells show the representations of whatever is at hand.
        return f"<{type(self).__name__} of {self.column_name}>"


class Secret(Kept):
    """A secret that is sealed in the database; in a pickle too, since a cache is a place where things are left."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return opened, (self.stored, self.column_name, self.owner)


class Shut(Kept):
    """A secret that cannot be read. It stays in the database as it is, and is no hexadecimal number to make codes of."""

    __slots__ = ("reason",)

    reason: str

    def __reduce__(self) -> Any:
        return opened, (self.stored, self.column_name, self.owner)


class Digested(Kept):
    """The digest of a code. It equals the code that it was made of and no other text, its own neither."""

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


class Sent(Kept):
    """A code that has just been made and is still to be sent; the database and pickles keep its digest."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        # The left one is asked first here, and has to ask the digest.
        return other == str(self) if isinstance(other, Digested) else str(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __reduce__(self) -> Any:
        return Digested, (self.stored, self.stored, self.column_name, self.owner)


@sensitive_variables("secret")
def opened(text: str, column_name: str, owner: str) -> str:
    """Return what a column's text is in memory: the secret, plain or opened, or :class:`Shut`, which says why not."""
    try:
        if not cipher.is_sealed(text):
            unhexlify(text)
            return text
        secret = cipher.unseal(text, column_name, owner)
    except cipher.CannotOpenError as error:
        reason = str(error)
    except ValueError:
        reason = "it is no hexadecimal number"
    else:
        return Secret(secret.hex(), text, column_name, owner)
    shut = Shut(text, text, column_name, owner)
    shut.reason = reason
    return shut


@sensitive_variables("plain", "secret")
def sealed(plain: str, column_name: str, owner: str) -> str:
    """Return the secret as it is to be kept from now on: by the newest key, or plain on a site without keys.

    What is no secret stays what it is: an empty text, or one that is no hexadecimal number.
    """
    keys = cipher.site_keys()
    secret = bytes_of(plain)
    if not keys or not secret:
        return str(plain)
    return Secret(plain, cipher.seal(secret, keys[0], column_name, owner), column_name, owner)


@sensitive_variables("code")
def digested(code: str, column_name: str, owner: str) -> str:
    """Return the code with the digest that is to be kept of it, or as it is on a site without keys."""
    keys = cipher.site_keys()
    return Sent(code, cipher.digest(code, keys[0], column_name, owner), column_name, owner) if keys else str(code)


@sensitive_variables("plain", "secret")
def spellings(plain: str, column_name: str, owner: str) -> list[str]:
    """Return all texts that may be kept of a secret: itself, and sealed by each of the site's keys."""
    secret = bytes_of(plain)
    return [str(plain), *(cipher.seal(secret, key, column_name, owner) for key in cipher.site_keys() if secret)]


def at_rest(value: Any) -> Any:
    """Return the text that the database keeps of a value, which is the same before and after a reload."""
    return value.stored if isinstance(value, Kept) else value


@sensitive_variables("value", "answer")
def is_code(value: str, answer: str) -> bool:
    """Return whether an answer is the code that a device holds, plain or as a digest. How long it takes tells nothing.

    Django's ``constant_time_compare`` knows no digests: it would refuse each right answer.
    """
    return answer == value if isinstance(value, Digested) else constant_time_compare(value, answer)


@sensitive_variables("plain")
def bytes_of(plain: str) -> bytes:
    """Return the secret that is written like that, empty if there is none, or none of a length that the column can hold."""
    try:
        secret = unhexlify(plain)
    except ValueError:
        return b""
    return secret if len(secret) <= cipher.LONGEST else b""
