"""What a machine may have beside SQLite: other databases, a cache server, a browser."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

RIVALS = Path(__file__).parents[1] / "bench" / ".envs" / "rivals"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Service:
    """Where a service is, if it is there, and what to do to have it."""

    title: str
    find: Callable[[], str | None]
    remedy: str


def named(variable: str) -> Callable[[], str | None]:
    """Find a service by an environment variable."""
    return lambda: os.environ.get(variable) or None


def find_browser() -> str | None:
    """Return the path of a Chromium: TEST_BROWSER if it is set (empty for none), else one on the PATH."""
    if "TEST_BROWSER" in os.environ:
        return os.environ["TEST_BROWSER"] or None
    return next(filter(None, map(shutil.which, BROWSERS)), None)


SERVICES = {
    "postgres": Service("PostgreSQL", named("TEST_POSTGRES"), "set TEST_POSTGRES, as in postgres://user@127.0.0.1:5432/postgres"),
    "mysql": Service("MariaDB or MySQL", named("TEST_MYSQL"), "set TEST_MYSQL, as in mysql://user@127.0.0.1:3306"),
    "redis": Service("Redis", named("TEST_REDIS"), "set TEST_REDIS, as in redis://127.0.0.1:6379/0"),
    "redis-server": Service("the program redis-server", lambda: shutil.which("redis-server"), "install Redis"),
    "rivals": Service("the sources of other packages", lambda: str(RIVALS) if (RIVALS / ".ready").exists() else None, "run make rivals"),
    "browser": Service("the browser", find_browser, "install Chromium, or set TEST_BROWSER to its path"),
}


def database(name: str) -> dict[str, object]:
    """Return Django's settings of that database; the address has the form scheme://user:password@host:port/name."""
    if name == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("TEST_DATABASE_NAME", ":memory:")}
    address = SERVICES[name].find()
    if address is None:
        message = f"TEST_DATABASE is {name}: {SERVICES[name].remedy}"
        raise RuntimeError(message)
    parts = urlsplit(address)
    return {
        "ENGINE": {"postgres": "django.db.backends.postgresql", "mysql": "django.db.backends.mysql"}[name],
        "NAME": os.environ.get("TEST_DATABASE_NAME", parts.path.removeprefix("/") or "test"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "TEST": {"NAME": "test_allauth_2fa"},
    }
