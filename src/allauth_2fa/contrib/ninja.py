"""Authentication for Django Ninja."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ninja.errors import HttpError
from ninja.security import SessionAuth

from allauth_2fa.sessions import stepup

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.http import HttpRequest


class TwoFactorAuth(SessionAuth):
    """Accepts verified sessions only: ``NinjaAPI(auth=TwoFactorAuth(max_age=300))``.

    Args:
        max_age: the maximum age of the authentication in seconds; None for the life of the session.
        factors: ids of the factors that are accepted; None for all.
        options: options of Ninja's ``SessionAuth``.
    """

    def __init__(self, *, max_age: float | None = None, factors: Collection[str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.max_age = max_age
        self.factors = factors

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """Return the user, None for an anonymous request.

        Raises:
            HttpError: 403, if the user is signed in and the session is not verified.
        """
        missing = stepup.lacks(request, self.max_age, self.factors)
        if missing in {"proof", "factor"}:
            raise HttpError(403, f"two-factor: {missing}")
        return None if missing else request.user
