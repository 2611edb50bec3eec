"""A middleware of the project's that wants to know early who is there, as those for languages and tenants do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest


def look_early(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Look at the user where the request says so."""

    def middleware(request: HttpRequest) -> Any:
        if "X-Look-Early" in request.headers:
            request.seen_early = request.user.is_authenticated
        return get_response(request)

    return middleware
