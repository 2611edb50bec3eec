"""Step-up: by which factor this session was verified, how long ago, and whether that is enough."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth_2fa import compat
from allauth_2fa.factors import lookup

from . import verified

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.http import HttpRequest


class Proof(NamedTuple):
    """One answer that this session's user has given in it."""

    factor: str
    """The id of the factor."""
    at: datetime
    """When, with its time zone."""

    @property
    def age(self) -> float:
        """The age in seconds. A moment in the future, because a clock was set back, is infinitely old."""
        seconds = (datetime.now(UTC) - self.at).total_seconds()
        return seconds if seconds >= 0 else float("inf")


class TwoFactor:
    """The value of ``request.two_factor``. It makes no more queries than ``request.user`` does."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def is_verified(self) -> bool:
        """Whether this session has answered a challenge by a device that the user still has (django-otp's word)."""
        return verified.is_bound(self._request.user)

    @property
    def proof(self) -> Proof | None:
        """The latest answer of a verified session, None in any other."""
        return max(self._proofs(), key=lambda proof: proof.at, default=None)

    @property
    def factor(self) -> str:
        """The id of the factor of the latest answer, empty without one."""
        return self.proof.factor if self.proof else ""

    @property
    def verified_at(self) -> datetime | None:
        """When the latest answer was given."""
        return self.proof.at if self.proof else None

    @property
    def age(self) -> float | None:
        """How many seconds ago the latest answer was given."""
        return self.proof.age if self.proof else None

    def is_fresh(self, max_age: float | None = None, factors: Collection[str] | None = None) -> bool:
        """Return whether this session has answered recently enough, by one of the factors.

        Args:
            max_age: seconds; None for any age.
            factors: ids of the factors that count; None for all, recovery codes among them.
        """
        return any((max_age is None or proof.age <= max_age) and (factors is None or proof.factor in factors) for proof in self._proofs())

    def _proofs(self) -> list[Proof]:
        if not self.is_verified:
            return []
        user: Any = self._request.user
        given = [_proof(entry) for entry in compat.records(self._request, user) if entry.get("method") == "mfa"]
        return [proof for proof in given if proof is not None]


def _proof(entry: dict[str, Any]) -> Proof | None:
    """Read one of allauth's records. A session may be a cookie, and hold anything that an older release has written."""
    try:
        return Proof(str(entry.get("type", "")), datetime.fromtimestamp(float(entry["at"]), UTC))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def lacks(request: HttpRequest, max_age: float | None = None, factors: Collection[str] | None = None) -> str:
    """Return what this request lacks: ``login``, ``factor``, ``proof`` or nothing (an empty text).

    Args:
        request: one that has passed the guard, so that a session that needs a second factor has no user.
        max_age: seconds, as :meth:`TwoFactor.is_fresh` takes them.
        factors: ids of the factors that count.
    """
    user: Any = request.user
    if not user.is_authenticated:
        return "login"
    if TwoFactor(request).is_fresh(max_age, factors):
        return ""
    return "proof" if _may_prove(user, factors) else "factor"


def _may_prove(user: Any, factors: Collection[str] | None) -> bool:
    if factors is None:
        return verified.is_verified_by_factor(user) or lookup.has_primary(user)
    return any(factor.id in factors for factor in lookup.held(user))
