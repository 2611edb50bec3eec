"""django-two-factor-auth requires by decorator; this is the same for every view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


class Require2FAMiddleware:
    """Send users who have not proved a factor to the page that adds one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        """Stop a signed-in user who is not verified."""
        if request.path.startswith("/account/"):
            return None
        if request.user.is_anonymous or request.user.is_verified():
            return None
        return redirect("two_factor:setup")
