"""allauth.mfa has no requirement of its own: the least that a host would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.mfa.utils import is_mfa_enabled
from django.shortcuts import redirect

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


class Require2FAMiddleware:
    """Send users without a factor to the page that adds one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        """Stop a signed-in user who has no factor."""
        if request.path.startswith("/accounts/"):
            return None
        if request.user.is_anonymous or is_mfa_enabled(request.user):
            return None
        return redirect("mfa_activate_totp")
