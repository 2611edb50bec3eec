"""Our cookies: they go where the session's cookie goes, and no script reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


PENDING_COOKIE = "allauth_2fa_pending"
"""Tells, without a look at the session, that there may be a pending login in it. It proves and opens nothing."""

MARK = "1"
"""What that cookie holds. Some clients, Django's for tests among them, go on sending a cookie that was taken away, emptied."""


def is_marked(request: HttpRequest) -> bool:
    """Return whether the browser says that there may be a pending login in its session."""
    return request.COOKIES.get(PENDING_COOKIE) == MARK


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
