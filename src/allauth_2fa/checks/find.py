"""A walk through the URLconf: the views that let somebody in, and are not allauth's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from allauth_2fa.middleware import AllauthTwoFactorMiddleware

from .classify import Kind, name_of, recognize

if TYPE_CHECKING:
    from collections.abc import Iterator


ADMIN_SITE = "django.contrib.admin.sites.AdminSite"


@dataclass(frozen=True, slots=True)
class Door:
    """A view that lets somebody in, and is not allauth's."""

    route: str
    """As the URLconf has it, with the prefixes that lead there."""
    view: str
    """The dotted name of the class or function; of an admin site, its name."""
    kind: Kind

    @property
    def is_covered(self) -> bool:
        """Whether the guard asks those who come in here for their second factor. It watches sessions, and nothing else."""
        return self.kind in {Kind.SESSION, Kind.ADMIN} and guard_is_on()


def guard_is_on() -> bool:
    """Return whether the guard stands in ``MIDDLEWARE``."""
    found = (import_string(path) for path in settings.MIDDLEWARE)
    return any(isinstance(one, type) and issubclass(one, AllauthTwoFactorMiddleware) for one in found)


def doors() -> list[Door]:
    """Return each door of the URLconf, in its order; a site of the admin once."""
    found = (_door(route, pattern) for route, pattern in patterns())
    return list(dict.fromkeys(door for door in found if door is not None))


def patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Give each pattern of the URLconf with its whole route."""
    if not settings.ROOT_URLCONF:
        return
    for entry in (resolver or get_resolver()).url_patterns:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        else:
            yield route, entry


def _door(route: str, pattern: URLPattern) -> Door | None:
    site: Any = getattr(pattern.callback, "__self__", None)
    if pattern.name == "login" and any(name_of(base) == ADMIN_SITE for base in type(site).__mro__):
        # Whoever sends the login elsewhere, as secure_admin_site() and the snippet of 0.x do, puts another function in its place.
        return Door(route, site.name, Kind.ADMIN)
    found = recognize(pattern.callback)
    return Door(route, *found) if found else None
