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
    """Accepts verified sessions only. A request with a token has no session and is refused.

    Subclass it to set a maximum age or certain factors: ``class Fresh(TwoFactorRequired): max_age = 300``.
    """

    max_age: ClassVar[float | None] = None
    """The maximum age of the authentication in seconds; None for the life of the session."""
    factors: ClassVar[Collection[str] | None] = None
    """Ids of the factors that are accepted; None for all."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the session is verified, and set ``message`` to what is missing."""
        # A user from any other authenticator than the session's has no device on the request, and is not verified.
        missing = stepup.lacks(request._request, self.max_age, self.factors)  # noqa: SLF001 - REST framework's own way to Django's request
        self.message = {"missing": missing, "flows": [{"id": FLOWS[missing]}]} if missing else None
        return not missing
