"""A requirement as the documentation of allauth_2fa has it, 0.12 and now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth_2fa.middleware import BaseRequire2FAMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest


class Require2FAMiddleware(BaseRequire2FAMiddleware):
    """Demand a second factor of everybody."""

    def require_2fa(self, request: HttpRequest) -> bool:
        """Say that this request needs one."""
        return True
