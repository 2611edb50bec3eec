"""Collects the whole installation into a report that can be pasted into a bug report: names, versions and order, no secrets.

Each part is read separately. A part that cannot be read shows the type of the error only, since the message may contain an
address or a password; the other parts are still shown.
"""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.urls import NoReverseMatch, reverse

from allauth_2fa import app_settings, urls
from allauth_2fa.audit import log
from allauth_2fa.checks import find
from allauth_2fa.encryption import cipher
from allauth_2fa.factors import registry

if TYPE_CHECKING:
    from collections.abc import Callable

Part = dict[str, Any] | list[Any]

PACKAGES = ("django-allauth-2fa", "django", "django-allauth", "django-otp")

BESIDE = ("segno", "cryptography", "webauthn", "djangorestframework", "django-ninja")
"""Optional packages to report if they are installed, besides those of the factors."""

RELATED_APPS = ("allauth", "django_otp", "otp_", "django.contrib.sessions", "django.contrib.sites", "django.contrib.admin")
"""Prefixes of the names of apps that are related to logins."""

COOKIE = ("AGE", "SECURE", "HTTPONLY", "SAMESITE", "PATH")

OURS = "allauth_2fa."

LONGEST_VALUE = 200
"""Most characters that are shown of a setting."""


def report(*, counts: bool = False) -> dict[str, Part]:
    """Return every part of the report, by name.

    Args:
        counts: also count the users with a factor (two queries, and one per factor).
    """
    parts: dict[str, Callable[[], Part]] = {
        "versions": versions,
        "databases": databases,
        "settings": changed_settings,
        "apps": _related_apps,
        "middleware": lambda: list(settings.MIDDLEWARE),
        "login": login,
        "factors": factors,
        "urls": url_names,
        "sessions": sessions,
        "caches": lambda: {alias: config.get("BACKEND", "") for alias, config in settings.CACHES.items()},
        "login_views": login_views,
        "used_login_views": used_login_views,
        **({"users": users} if counts else {}),
        "checks": findings,
    }
    return {name: _read(part) for name, part in parts.items()}


def _read(part: Callable[[], Part]) -> Part:
    try:
        return part()
    except Exception as error:  # noqa: BLE001 - the report is made for broken sites
        return {UNREADABLE: type(error).__name__}


UNREADABLE = "could not be read"


def count(parts: dict[str, Part], level: str) -> int:
    """Return the number of findings of our checks with that level. Checks that cannot be run count as one error."""
    found = parts["checks"]
    return sum(entry["level"] == level for entry in found) if isinstance(found, list) else int(level == "error")


# The parts


def versions() -> Part:
    """Return the versions of Python, of the packages in :data:`PACKAGES` and :data:`BESIDE`, and of the factors' packages."""
    theirs = metadata.packages_distributions()
    packages = [factor.model.__module__.partition(".")[0] for factor in registry.factors()]
    plugins = sorted({name for package in packages for name in theirs.get(package, ())} - {*PACKAGES})
    named = [*PACKAGES, *plugins, *(name for name in BESIDE if name not in plugins)]
    found = {name: installed_version(name) for name in named}
    return {"python": platform.python_version(), **{name: version for name, version in found.items() if version}}


def installed_version(package: str) -> str:
    """Return the version of a package; an empty string if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def databases() -> Part:
    """Return the kind and the version of each database, without its address."""
    return {alias: f"{connections[alias].display_name} {server_version(connections[alias])}" for alias in connections}


def server_version(connection: Any) -> str:
    """Return the version of a database, or the type of the error if it cannot be reached."""
    try:
        return ".".join(str(part) for part in connection.get_database_version())
    except Exception as error:  # noqa: BLE001 - each driver has its own exceptions, and their messages contain addresses
        return f"({UNREADABLE}: {type(error).__name__})"


def changed_settings() -> Part:
    """Return our settings that differ from their defaults. Secret values are only counted; unknown settings are listed."""
    rows = app_settings.SETTINGS.values()
    changed = {row.full_name: shown(row) for row in rows if hasattr(settings, row.full_name) and row.read() != row.default()}
    known = {row.full_name for row in rows}
    unknown = [name for name in dir(settings) if name.startswith(app_settings.PREFIX) and name not in known]
    return {**changed, **dict.fromkeys(unknown, "(not a setting of this package)")}


def shown(setting: app_settings.Setting) -> str:
    """Return a setting's value as text; a secret value is not shown."""
    value = setting.read()
    if setting.is_secret:
        return f"({len(value)} entries, not shown{_ids_of(value)})" if isinstance(value, list | tuple) else "(not shown)"
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
    return f"{value!r}"[:LONGEST_VALUE]


def _ids_of(keys: Any) -> str:
    """Return the ids of the encryption keys, as logs and the command show them; an empty string for any other setting."""
    try:
        return ": " + ", ".join(key.id for key in cipher.site_keys()) if keys is app_settings.ENCRYPTION_KEYS else ""
    except ImproperlyConfigured:
        return ""


def _related_apps() -> Part:
    return [app for app in settings.INSTALLED_APPS if app.startswith(RELATED_APPS)]


def login() -> Part:
    """Return the account adapter, the login stages and the authentication backends."""
    adapter = get_adapter()
    return {
        "adapter": f"{type(adapter).__module__}.{type(adapter).__qualname__}",
        "stages": adapter.get_login_stages(),
        "back ends": list(settings.AUTHENTICATION_BACKENDS),
    }


def factors() -> Part:
    """Return the factors in order, each with its model and its role."""
    return [
        {
            "factor": factor.id,
            "model": f"{factor.model.__module__}.{factor.model.__qualname__}",
            "role": "second factor" if factor.primary else "replaces a factor",
        }
        for factor in registry.factors()
    ]


def url_names() -> Part:
    """Return the path of each of our pages by its URL name. Pages about one device are left out: their path needs an argument."""
    names = [pattern.name for pattern in urls.urlpatterns if "<" not in str(pattern.pattern)]
    return {str(name): _address(str(name)) for name in names}


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return "(no URL)"


def sessions() -> Part:
    """Return the session engine, its cache, and the settings of the session cookie."""
    return {
        "engine": settings.SESSION_ENGINE,
        "cache": settings.SESSION_CACHE_ALIAS,
        **{f"cookie {name.lower()}": getattr(settings, f"SESSION_COOKIE_{name}") for name in COOKIE},
        "cookie domain": "(set)" if settings.SESSION_COOKIE_DOMAIN else "(not set)",
    }


def login_views() -> Part:
    """Return the login views that are not allauth's, and whether the guard covers them."""
    return [
        {"route": view.route, "view": view.view, "does": view.kind.value, "guard": "covered" if view.is_covered else "NOT covered"}
        for view in find.login_views()
    ]


def used_login_views() -> Part:
    """Return the login views that are not allauth's and were used recently, and how many logins each had."""
    return dict(log.other_logins())


def users() -> Part:
    """Return the number of users, of users with a primary factor, and of users with each factor."""
    held = {factor.id: _holders(factor).count() for factor in registry.factors()}
    first, *others = [_holders(factor) for factor in registry.primaries()]
    return {"all": get_user_model()._base_manager.count(), "with a factor": first.union(*others).count(), **held}


def _holders(factor: Any) -> Any:
    return factor.model._default_manager.filter(confirmed=True).order_by().values_list("user_id").distinct()


def findings() -> Part:
    """Return the findings of our checks, including those of ``check --deploy``."""
    found = checks.run_checks(include_deployment_checks=True)
    return [_finding(message) for message in found if str(message.id).startswith(OURS)]


def _finding(message: checks.CheckMessage) -> dict[str, str]:
    level = "silenced" if message.is_silenced() else "error" if message.level >= checks.ERROR else "warning"
    return {"id": str(message.id).removeprefix(OURS), "level": level, "says": str(message.msg), "hint": str(message.hint or "")}
