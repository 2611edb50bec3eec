"""Permission classes for Django REST framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.permissions import BasePermission

from allauth_2fa.decorators import FLOWS
from allauth_2fa.sessions import stepup

if TYPE_CHECKING:
    from collections.abc import Collection

    from rest_framework.request import Request


class TwoFactorRequired(BasePermission):
    """Lets sessions in that have answered a challenge. Who comes by a token has no session, and is refused.

    Subclass it for a maximum age or for certain factors: ``class Fresh(TwoFactorRequired): max_age = 300``.
    """

    max_age: ClassVar[float | None] = None
    """For how many seconds an answer counts; None for as long as the session lives."""
    factors: ClassVar[Collection[str] | None] = None
    """Ids of the factors that count; None for all."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the session has answered, and leave word of what is missing."""
        # Whoever another authenticator than the session's has found is bound to no device, and has proved nothing.
        missing = stepup.lacks(request._request, self.max_age, self.factors)  # noqa: SLF001 - REST framework's own way to Django's request
        self.message = {"missing": missing, "flows": [{"id": FLOWS[missing]}]} if missing else None
        return not missing
