"""Middleware that projects bring along: some look at the user before the guard does, some bring users of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

SEEN: list[str] = []
"""Whom :func:`look_twice` saw."""


def look_early(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Look at the user, as those for languages and tenants do."""

    def middleware(request: HttpRequest) -> Any:
        request.user.is_authenticated  # noqa: B018 - the look is what matters
        return get_response(request)

    return middleware


def look_twice(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Look at the user by both ways of asking."""

    def middleware(request: HttpRequest) -> Any:
        SEEN[:] = [request.user.get_username(), async_to_sync(request.auser)().get_username()]
        return get_response(request)

    return middleware


def user_of_token(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Bring a user who has no session, as those for tokens in headers do."""

    def middleware(request: HttpRequest) -> Any:
        if "X-Token" in request.headers:
            request.user = User.objects.get(username=request.headers["X-Token"])
        return get_response(request)

    return middleware
