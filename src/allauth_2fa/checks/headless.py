"""The system check of allauth's headless API: whether it takes the second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core import checks
from django.urls import Resolver404, resolve

from allauth_2fa import compat

from . import find
from .urls import is_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Messages = list[checks.CheckMessage]

OURS = "allauth_2fa.headless."

SESSION = "v1/auth/session"
"""An endpoint that every headless API has."""

NEEDED = ("v1/config", "v1/auth/2fa/authenticate")
"""Two that must be ours: one of those that allauth has as well, and one that it has only with ``allauth.mfa``."""


def check_endpoints(**_kwargs: Any) -> Messages:
    """W026: allauth's headless API is served without the endpoints of this package."""
    lacking = [root for root in _roots() if not all(_is_ours(f"/{root}{path}") for path in NEEDED)] if compat.headless_installed() else []
    if not lacking:
        return []
    prefix, _slash, _client = lacking[0].rstrip("/").rpartition("/")
    hint = f'Replace the include of allauth.headless.urls by: path("{prefix}/", include("allauth_2fa.headless.urls"))'
    message = "Users who have a second factor cannot finish a login by allauth's headless API: its endpoints do not know our factors."
    return [checks.Warning(message, hint=hint, id="allauth_2fa.W026")]


def _roots() -> Iterator[str]:
    """Yield the route of the API of each client, with all prefixes."""
    for route, pattern in find.patterns():
        if route.endswith(SESSION) and is_of(pattern.callback, "allauth.headless."):
            yield route.removesuffix(SESSION)


def _is_ours(path: str) -> bool:
    try:
        return is_of(resolve(path).func, OURS)
    except Resolver404:
        return False
