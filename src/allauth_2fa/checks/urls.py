"""System checks of the URLconf: whether each page has its name, and whether it is served at its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.urls import NoReverseMatch, Resolver404, get_resolver, get_script_prefix, resolve, reverse

from allauth_2fa import routes

from . import find
from .classify import name_of
from .unwrap import layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Messages = list[checks.CheckMessage]

OURS = "two-factor-"
OF_ALLAUTH = ("account_", "socialaccount_", "mfa_", "usersessions_")
"""Prefixes of the URL names of our pages, and of allauth's."""

NEEDED_OF_ALLAUTH = "account_reauthenticate"
"""The page of allauth that ours redirect to: without it, a user without a factor cannot set one up."""

OUR_VIEWS = "allauth_2fa.views."

ONLY_FOR_PASSKEYS = ("two-factor-add-passkey", "two-factor-passkey-login")
ONLY_FOR_A_MENU = "mfa_index"
"""Optional names: allauth's menu leaves out a missing entry, and sites without passkeys never use their pages."""


def check_missing(**_kwargs: Any) -> Messages:
    """E007: the URLconf lacks pages of this package."""
    needed = [route for route in routes.routes() if _is_needed(route.name)] if settings.ROOT_URLCONF and routes.are_served() else []
    missing = [route for route in needed if not _is_named(route.name)]
    if not missing:
        return []
    hint = (
        'Add path("accounts/two-factor/", include("allauth_2fa.urls")) to the URLconf, without a namespace. '
        "If you list the pages one by one, add these lines: " + ", ".join(route.line() for route in missing)
    )
    return [checks.Error(f"No URL is named {', '.join(route.name for route in missing)}.", hint=hint, id="allauth_2fa.E007")]


def _is_needed(name: str) -> bool:
    return name != ONLY_FOR_A_MENU and (name not in ONLY_FOR_PASSKEYS or apps.is_installed("django_otp_webauthn"))


def _is_named(name: str) -> bool:
    return bool(get_resolver().reverse_dict.getlist(name))


def check_places(**_kwargs: Any) -> Messages:
    """E014: another view is served at the path of one of our pages, or one of ours at the path of a page of allauth."""
    return [message for name, view in _watched() if (message := _served_wrongly(name, view))] if settings.ROOT_URLCONF else []


def _watched() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the name and the view of each page of ours and of allauth in the URLconf."""
    named = {pattern.name: pattern.callback for _route, pattern in find.patterns() if pattern.name}
    for name, view in named.items():
        if name.startswith((OURS, *OF_ALLAUTH)) and _is_named(name):
            yield name, view


def _served_wrongly(name: str, view: Callable[..., Any]) -> checks.CheckMessage | None:
    """Return an error if another view is served at the path of the page, None if it is that page."""
    try:
        place = _place(name)
        match = resolve(place)
    except (NoReverseMatch, Resolver404):
        # The path has arguments without a valid sample value, for instance the prefix of a tenant.
        return None
    if match.view_name == name or _is_same(match.func, view):
        return None
    is_ours = name.startswith(OURS) or _is_our_view(view)
    if not (is_ours or name == NEEDED_OF_ALLAUTH or _is_our_view(match.func)):
        # A site may replace allauth's pages.
        return None
    message = f"'{place}' is the page '{name}', but another view answers there: {name_of(_class_of(match.func))}."
    hint = "Include allauth_2fa.urls under its own prefix. Move the other view to another path, or after the page."
    return checks.Error(message, hint=hint, id="allauth_2fa.E014")


def _place(name: str) -> str:
    """Return the path of the page as in ``request.path_info``, with sample values for its arguments."""
    possibilities = get_resolver().reverse_dict.getlist(name)[0][0]
    path = reverse(name, kwargs=dict.fromkeys(possibilities[0][1], 1))
    return "/" + path.removeprefix(get_script_prefix())


def _class_of(view: Callable[..., Any]) -> Any:
    """Return the class of a view under its decorators, or the view itself if it is a function."""
    return next((layer for layer in layers(view) if isinstance(layer, type)), view)


def _is_same(answering: Callable[..., Any], meant: Callable[..., Any]) -> bool:
    """Return whether the view that answers is the expected one, or derives from it."""
    found, wanted = _class_of(answering), _class_of(meant)
    return found is wanted or (isinstance(found, type) and isinstance(wanted, type) and issubclass(found, wanted))


def _is_our_view(view: Callable[..., Any]) -> bool:
    return is_of(view, OUR_VIEWS)


def is_of(view: Callable[..., Any], prefix: str) -> bool:
    """Return whether the view is, or derives from, a class whose dotted name begins like that."""
    return any(name_of(base).startswith(prefix) for base in getattr(_class_of(view), "__mro__", ()))
