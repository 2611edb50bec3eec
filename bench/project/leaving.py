"""Notes when a request comes in and when its response leaves: what is done after that keeps nobody waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


class Leaving:
    """The outermost middleware."""

    is_inside: ClassVar[bool] = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep the next one."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request."""
        Leaving.is_inside = True
        try:
            return self._get_response(request)
        finally:
            Leaving.is_inside = False
