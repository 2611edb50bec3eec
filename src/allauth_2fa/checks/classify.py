"""What a view does that is not allauth's: whether it logs somebody in, or takes a password.

Packages are known by the names of their modules and classes, whether they are installed or not. Views of the project's own
are known by what their code calls.
"""

from __future__ import annotations

import dis
import inspect
from enum import Enum
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from .unwrap import authenticators, layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Kind(Enum):
    """What such a view does."""

    SESSION = "logs in by a session"
    ADMIN = "is the login form of an admin site"
    PASSKEY = "is django-otp-webauthn's own login"
    TOKEN = "gives out a token"  # noqa: S105 - a description
    PASSWORD = "takes a password with each request"  # noqa: S105 - a description


KNOWN = {
    "django.contrib.auth.views.LoginView": Kind.SESSION,
    "loginas.views.user_login": Kind.SESSION,
    "social_django.views.complete": Kind.SESSION,
    "django_otp_webauthn.views.BeginCredentialAuthenticationView": Kind.PASSKEY,
    "django_otp_webauthn.views.CompleteCredentialAuthenticationView": Kind.PASSKEY,
    "dj_rest_auth.mfa.views.MFAVerifyView": Kind.TOKEN,
    "dj_rest_auth.registration.views.RegisterView": Kind.TOKEN,
    "dj_rest_auth.views.LoginView": Kind.TOKEN,
    "djoser.social.views.ProviderAuthView": Kind.TOKEN,
    "djoser.views.TokenCreateView": Kind.TOKEN,
    "djoser.webauthn.views.LoginView": Kind.TOKEN,
    "knox.views.LoginView": Kind.TOKEN,
    "ninja_jwt.controller.AsyncTokenObtainPairController.obtain_token": Kind.TOKEN,
    "ninja_jwt.controller.AsyncTokenObtainSlidingController.obtain_token": Kind.TOKEN,
    "ninja_jwt.controller.TokenObtainPairController.obtain_token": Kind.TOKEN,
    "ninja_jwt.controller.TokenObtainSlidingController.obtain_token": Kind.TOKEN,
    "ninja_jwt.routers.obtain.obtain_token": Kind.TOKEN,
    "ninja_jwt.routers.obtain.obtain_token_sliding": Kind.TOKEN,
    "oauth2_provider.views.base.TokenView": Kind.TOKEN,
    "rest_framework.authtoken.views.ObtainAuthToken": Kind.TOKEN,
    "rest_framework_simplejwt.views.TokenObtainPairView": Kind.TOKEN,
    "rest_framework_simplejwt.views.TokenObtainSlidingView": Kind.TOKEN,
}
"""Views of other packages. What derives from them counts as they do."""

PASSWORD_TAKERS = frozenset({"rest_framework.authentication.BasicAuthentication", "ninja.security.http.HttpBasicAuth"})
"""Classes by which a view takes user name and password from the header of each request (HTTP Basic authentication)."""

OUR_PERMISSION = "allauth_2fa.contrib.rest_framework.TwoFactorRequired"

OF_OTHERS = ("django.", "allauth.", "allauth_2fa.")
"""Packages whose code is not looked into: allauth's logins ask for the factor, and Django's views stand above."""

LOGIN = "django.contrib.auth"
LOGIN_NAMES = frozenset({"login", "alogin"})

DEEPEST = 2
"""How many calls away from the view a login is looked for, within the view's own package."""


def recognize(callback: Any) -> tuple[str, Kind] | None:
    """Return the dotted name of the view that lets somebody in, and what it does; None for any other view.

    Args:
        callback: what the URLconf calls.
    """
    found = list(layers(callback))
    if any(_asks_itself(layer) for layer in found):
        return None
    for look in (_known, _resets, _calls_login, _takes_passwords):
        for layer in found:
            kind = look(layer)
            if kind is not None:
                return _view_name(found, layer), kind
    return None


def name_of(found: Any) -> str:
    """Return the dotted name of a class, a function or an object's class."""
    named = found if hasattr(found, "__qualname__") else type(found)
    # REST framework gives the class that it makes of a function the name of that, and leaves its qualified name alone.
    return f"{named.__module__}.{named.__name__ if isinstance(named, type) else named.__qualname__}"


def _view_name(found: Sequence[Any], layer: Any) -> str:
    # A view of Django Ninja's is an object without a name that says anything; the function that it serves has one.
    inner = [one for one in found if isinstance(one, FunctionType)]
    return name_of(layer if isinstance(layer, type | FunctionType) or not inner else inner[-1])


def _bases(layer: Any) -> Sequence[Any]:
    return inspect.getmro(layer) if isinstance(layer, type) else [layer]


def _known(layer: Any) -> Kind | None:
    """Recognize a view of a package that is known."""
    return next((KNOWN[name] for base in _bases(layer) if (name := name_of(base)) in KNOWN), None)


def _resets(layer: Any) -> Kind | None:
    """Recognize Django's reset of passwords where it logs in behind it, which it does on request."""
    told = getattr(layer, "view_initkwargs", {}).get("post_reset_login", getattr(layer, "post_reset_login", False))
    return Kind.SESSION if told is True else None


def _asks_itself(layer: Any) -> bool:
    """Return whether a view of REST framework's demands a verified session by our permission class."""
    listed = getattr(layer, "permission_classes", ())
    classes = [one for one in listed if isinstance(one, type)] if isinstance(listed, list | tuple) else []
    return any(name_of(base) == OUR_PERMISSION for one in classes for base in inspect.getmro(one))


def _takes_passwords(layer: Any) -> Kind | None:
    takers = {name_of(base) for authenticator in authenticators(layer) for base in inspect.getmro(authenticator)}
    return Kind.PASSWORD if takers & PASSWORD_TAKERS else None


# Looking into code


def _calls_login(layer: Any) -> Kind | None:
    """Recognize a view that calls Django's ``login()``."""
    if isinstance(layer, type):
        return Kind.SESSION if any(_class_logs_in(base) for base in inspect.getmro(layer) if not _is_of_others(base)) else None
    return Kind.SESSION if isinstance(layer, FunctionType) and not _is_of_others(layer) and _logs_in(layer, DEEPEST) else None


@lru_cache(maxsize=1024)  # views share their bases
def _class_logs_in(base: type) -> bool:
    """Return whether a method of the class itself, whatever decorates it, logs in."""
    plain = (getattr(member, "__func__", member) for member in vars(base).values())
    found = (inner for member in plain if isinstance(member, FunctionType) for inner in layers(member))
    return any(isinstance(inner, FunctionType) and not _is_of_others(inner) and _logs_in(inner, DEEPEST) for inner in found)


def _is_of_others(found: Any) -> bool:
    return f"{found.__module__}.".startswith(OF_OTHERS)


def _logs_in(function: FunctionType, depth: int) -> bool:
    names = set(_names(function.__code__))
    used = {name: function.__globals__[name] for name in names if name in function.__globals__}
    if LOGIN in names and names & LOGIN_NAMES:  # imported where it is used
        return True
    suspects = {name for name, value in used.items() if _is_login(value, names)}
    if suspects & set(_loaded(function.__code__) if suspects else ()):
        return True
    package = function.__module__.partition(".")[0]
    own = [value for value in used.values() if isinstance(value, FunctionType) and value.__module__.partition(".")[0] == package]
    return depth > 0 and any(_logs_in(inner, depth - 1) for inner in own if not _is_of_others(inner))


def _names(code: CodeType) -> Iterator[str]:
    """Give the names of globals and attributes that a function uses, and the functions inside it."""
    yield from code.co_names
    for inner in _inner(code):
        yield from _names(inner)


def _loaded(code: CodeType) -> Iterator[str]:
    """Give the names of globals alone, which takes longer: ``login`` may be an attribute of something else."""
    yield from (step.argval for step in dis.get_instructions(code) if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"})
    for inner in _inner(code):
        yield from _loaded(inner)


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _is_login(value: Any, names: set[str]) -> bool:
    """Return whether a global of a function is Django's ``login``, or a module on the way to it whose ``login`` may be used."""
    if isinstance(value, ModuleType):
        rest = LOGIN.removeprefix(value.__name__).split(".")[1:]
        return f"{LOGIN}.".startswith(f"{value.__name__}.") and names.issuperset(rest) and bool(names & LOGIN_NAMES)
    return isinstance(value, FunctionType) and value.__module__ == LOGIN and value.__name__ in LOGIN_NAMES
