"""Every way to come in: allauth's, the login views beside them, and sessions that were there already."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings as project
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.urls import reverse

from tests.attacks.test_every_way_in import by_code, by_confirmation, by_password, by_reset, by_social_account
from tests.cast import PASSWORD, give_password
from tests.matrix.entrances import by_force

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

SCRIPT = {"Sec-Fetch-Dest": "empty", "Accept": "application/json"}
PAGE = {"Sec-Fetch-Dest": "document", "Accept": "text/html,*/*;q=0.8"}

BACKEND = "django.contrib.auth.backends.ModelBackend"
OURS = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"


@dataclass(frozen=True)
class Entrance:
    """One way in: what is done in the browser, and what an oracle has to know of it."""

    name: str
    kind: str
    """Which column of the table it stands in."""
    enter: Callable[[Client, User], Any]
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings of a site that has this entrance."""
    of_allauth: bool = False
    """The login runs through allauth, which also notes by what the user has come in."""
    by_script: bool = False
    """The login is a script's request, and no page."""
    is_silent: bool = False
    """The login has no response that could lead anywhere."""
    is_running: bool = False
    """No login takes place: the session is there, and needs nothing as far as anybody has said."""
    was_there_before: bool = False
    """The session began before the user's state came to be."""
    each_time: dict[str, str] = field(default_factory=dict)
    """What a proxy says with each request."""
    sets_password: bool = False
    makes_user: bool = False

    def __str__(self) -> str:
        return self.name


def _login_view(path: str, headers: dict[str, str] = PAGE) -> Callable[[Client, User], Any]:
    def enter(client: Client, user: User) -> Any:
        return client.post(path, {"username": user.username, "password": PASSWORD}, headers=headers)

    return enter


def by_sign_up(client: Client, user: User) -> Any:
    """Sign up as somebody new, who is of the staff from then on."""
    fields = {"username": "carol", "email": "carol@example.com", "password1": PASSWORD, "password2": PASSWORD}
    response = client.post(reverse("account_signup"), fields)
    User.objects.filter(username="carol").update(is_staff=True, is_superuser=True)
    return response


def by_proxy(client: Client, user: User) -> Any:
    """Let a proxy say who is there."""
    return client.get("/who/", headers=PAGE, REMOTE_USER=user.username)


def by_hand(client: Client, user: User) -> None:
    """Write into the session what a login writes, and call none."""
    session = import_module(project.SESSION_ENGINE).SessionStore()
    session.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: BACKEND, HASH_SESSION_KEY: user.get_session_auth_hash()})
    session.save()
    client.cookies["sessionid"] = session.session_key


def before(client: Client, user: User) -> None:
    """Log in by the password, while no second factor is needed."""
    give_password(client, user)


def _proxied(middleware: str) -> dict[str, Any]:
    at = project.MIDDLEWARE.index(OURS)
    return {
        "MIDDLEWARE": [*project.MIDDLEWARE[:at], f"django.contrib.auth.middleware.{middleware}", *project.MIDDLEWARE[at:]],
        "AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.RemoteUserBackend", *project.AUTHENTICATION_BACKENDS],
    }


ALLAUTHS, RESET, LOGIN_VIEW, SCRIPTED, PROXY, RUNNING = KINDS = (
    *("allauth's login", "a reset of the password", "another login view", "a script"),
    *("a proxy each time", "a running session"),
)
"""The columns of the table. From entrances of one kind everybody gets the same."""

BY_CODE = {"ACCOUNT_LOGIN_BY_CODE_ENABLED": True}
BY_CONFIRMATION = {"ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION": True, "ACCOUNT_EMAIL_VERIFICATION": "mandatory"}
BY_RESET = {"ACCOUNT_LOGIN_ON_PASSWORD_RESET": True}

ENTRANCES = [
    Entrance("by the password", ALLAUTHS, by_password, of_allauth=True),
    Entrance("by a code that was mailed", ALLAUTHS, by_code, BY_CODE, of_allauth=True),
    Entrance("by a social account", ALLAUTHS, by_social_account, of_allauth=True),
    Entrance("by confirming the e-mail address", ALLAUTHS, by_confirmation, BY_CONFIRMATION, of_allauth=True),
    Entrance("by signing up (in states that a new user can be in)", ALLAUTHS, by_sign_up, of_allauth=True, makes_user=True),
    Entrance("allauth's login after a new password", RESET, by_reset, BY_RESET, of_allauth=True, sets_password=True),
    Entrance("Django's `LoginView`", LOGIN_VIEW, _login_view("/logins/django/")),
    Entrance("the login of Django's admin", LOGIN_VIEW, _login_view("/admin/login/?next=/admin/")),
    Entrance("a view that calls `login()`", LOGIN_VIEW, _login_view("/logins/custom/")),
    Entrance("a view that logs in and returns a token", LOGIN_VIEW, _login_view("/logins/token/")),
    Entrance("an async view that calls `alogin()`", LOGIN_VIEW, _login_view("/logins/async/")),
    Entrance("a proxy's header at the login", LOGIN_VIEW, by_proxy, _proxied("PersistentRemoteUserMiddleware")),
    Entrance("a script's request to a view that calls `login()`", SCRIPTED, _login_view("/logins/custom/", SCRIPT), by_script=True),
    Entrance("code that calls `login()` without a page, like `force_login()`", SCRIPTED, by_force, by_script=True, is_silent=True),
    Entrance("a proxy's header with each request", PROXY, by_proxy, _proxied("RemoteUserMiddleware"), each_time={"REMOTE_USER": "alice"}),
    Entrance("a session that was written by hand, without a login", RUNNING, by_hand, is_running=True),
    Entrance("a session from before the user's state changed", RUNNING, before, of_allauth=True, is_running=True, was_there_before=True),
]
