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
    """Lets sessions in that have answered a challenge: ``NinjaAPI(auth=TwoFactorAuth(max_age=300))``.

    Args:
        max_age: for how many seconds an answer counts; None for as long as the session lives.
        factors: ids of the factors that count; None for all.
        options: Ninja's own.
    """

    def __init__(self, *, max_age: float | None = None, factors: Collection[str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.max_age = max_age
        self.factors = factors

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """Return the user, None for nobody.

        Raises:
            HttpError: 403, somebody is logged in whose proof is missing.
        """
        missing = stepup.lacks(request, self.max_age, self.factors)
        if missing in {"proof", "factor"}:
            raise HttpError(403, f"two-factor: {missing}")
        return None if missing else request.user
