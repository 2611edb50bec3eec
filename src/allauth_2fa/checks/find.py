"""Finds the login views in the URLconf that are not allauth's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from allauth_2fa.middleware import AllauthTwoFactorMiddleware

from .classify import Kind, classify, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator


ADMIN_SITE = "django.contrib.admin.sites.AdminSite"


@dataclass(frozen=True, slots=True)
class LoginView:
    """A login view that is not allauth's."""

    route: str
    """The route in the URLconf, with all prefixes."""
    view: str
    """The dotted name of the class or function; the name of an admin site."""
    kind: Kind

    @property
    def is_covered(self) -> bool:
        """Whether the guard asks users who log in here for their second factor. It covers sessions only."""
        return self.kind in {Kind.SESSION, Kind.ADMIN} and guard_is_on()


def guard_is_on() -> bool:
    """Return whether the guard is in ``MIDDLEWARE``."""
    found = (import_string(path) for path in settings.MIDDLEWARE)
    return any(isinstance(one, type) and issubclass(one, AllauthTwoFactorMiddleware) for one in found)


def login_views() -> list[LoginView]:
    """Return the login views of the URLconf in order; each admin site once."""
    found = (_login_view(route, pattern) for route, pattern in patterns())
    return list(dict.fromkeys(view for view in found if view is not None))


def patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield each pattern of the URLconf with its whole route."""
    if not settings.ROOT_URLCONF:
        return
    for entry in (resolver or get_resolver()).url_patterns:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        else:
            yield route, entry


def _login_view(route: str, pattern: URLPattern) -> LoginView | None:
    site: Any = getattr(pattern.callback, "__self__", None)
    if pattern.name == "login" and any(name_of(base) == ADMIN_SITE for base in type(site).__mro__):
        # secure_admin_site() and the snippet of 0.x replace the site's login function, so it is not a bound method then.
        return LoginView(route, site.name, Kind.ADMIN)
    found = classify(pattern.callback)
    return LoginView(route, *found) if found else None
