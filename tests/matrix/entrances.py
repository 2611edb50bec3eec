"""Every entrance of a site: allauth's ways in, and the login views beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.attacks.test_every_way_in import WAYS
from tests.cast import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from django.test import Client


def _login_view(path: str) -> Callable[[Client, User], Any]:
    def enter(client: Client, user: User) -> Any:
        return client.post(path, {"username": user.username, "password": PASSWORD})

    return enter


def by_force(client: Client, user: User) -> None:
    """Let code of the site log somebody in."""
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")


ENTRANCES: dict[str, tuple[Callable[[Client, User], Any], dict[str, Any]]] = {
    **{way.__name__: (way, changes) for way, changes in WAYS.items()},
    "django's login view": (_login_view("/logins/django/"), {}),
    "a view of the site's own": (_login_view("/logins/custom/"), {}),
    "an async view": (_login_view("/logins/async/"), {}),
    "the admin's login": (_login_view("/admin/login/?next=/admin/auth/user/"), {}),
    "code of the site": (by_force, {}),
}
