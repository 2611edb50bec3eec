"""Our cookies: they go where the session's cookie goes, and no script reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.http.response import HttpResponseBase


def put(response: HttpResponseBase, name: str, value: str, age: int, samesite: Any = None) -> None:
    """Set the cookie, for so many seconds. Other sites may send it along as they may the session's, unless it says otherwise."""
    cast("HttpResponse", response).set_cookie(
        name,
        value,
        max_age=age,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite=samesite or cast("Any", settings.SESSION_COOKIE_SAMESITE),
    )


def take_away(response: HttpResponseBase, name: str) -> None:
    """Delete the cookie."""
    cast("HttpResponse", response).delete_cookie(
        name,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        samesite=cast("Any", settings.SESSION_COOKIE_SAMESITE),
    )
