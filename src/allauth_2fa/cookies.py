"""Sets and deletes our cookies. They have the path, domain and security of the session cookie, and scripts cannot read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


PENDING_COOKIE = "allauth_2fa_pending"
"""Cookie that marks a session with a pending login, so that other sessions need not be read. It grants nothing."""

MARK = "1"
"""The value of that cookie. Some clients, such as Django's test client, send a deleted cookie with an empty value."""


def is_marked(request: HttpRequest) -> bool:
    """Return whether the browser has the cookie for a pending login."""
    return request.COOKIES.get(PENDING_COOKIE) == MARK


def put(response: HttpResponseBase, name: str, value: str, age: int, samesite: Any = None) -> None:
    """Set the cookie for ``age`` seconds. ``samesite`` defaults to that of the session cookie."""
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
