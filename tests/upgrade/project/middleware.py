"""The shop's demand for a second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth_2fa.middleware import BaseRequire2FAMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest


class RequireStaff(BaseRequire2FAMiddleware):
    """Wants a second factor of the staff."""

    def require_2fa(self, request: HttpRequest) -> bool:
        return request.user.is_staff


class RequireEverybody(BaseRequire2FAMiddleware):
    """Wants one of everybody, keeps two pages open and has words of its own."""

    allowed_pages = [*BaseRequire2FAMiddleware.allowed_pages, "shop:help", "home"]
    require_2fa_message = "The shop wants a second factor."

    def require_2fa(self, _request: HttpRequest) -> bool:
        return True


class RequireNothing(BaseRequire2FAMiddleware):
    """Forgot to say which users it means."""
