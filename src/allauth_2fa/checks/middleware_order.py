"""Which middleware takes ``request.user`` before the guard has wrapped it. Nothing is called."""

from __future__ import annotations

import inspect
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core import checks
from django.utils.module_loading import import_string

from allauth_2fa.middleware import AllauthTwoFactorMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_OTHERS = ("django.", "django_otp.", "allauth.account.")
"""Packages whose middleware is known to keep no user before the guard has its turn."""

LATER = frozenset({"process_view", "process_template_response", "process_response", "process_exception"})
"""What Django calls when each middleware has had its turn at the request."""

USER = frozenset({"user", "auser"})


@checks.register(checks.Tags.security)
def check_order(**_kwargs: Any) -> list[checks.CheckMessage]:
    """W023: a middleware uses the user before the guard decides who is shown."""
    return [
        checks.Warning(
            f"'{path}' uses request.user and stands before the guard.",
            hint=f"It may keep the user of a session that is over. Move '{guard}' up, to directly after django-otp's middleware.",
            id="allauth_2fa.W023",
        )
        for guard, path in _before_the_guard()
        if not path.startswith(OF_OTHERS) and _uses_the_user(import_string(path))
    ]


def _before_the_guard() -> Iterator[tuple[str, str]]:
    """Yield the guard and each middleware between Django's, which sets the user, and it; nothing without a guard."""
    found = [(path, import_string(path)) for path in settings.MIDDLEWARE]
    guards = [at for at, (_path, one) in enumerate(found) if _derives(one, AllauthTwoFactorMiddleware)]
    sets_user = [at for at, (_path, one) in enumerate(found) if _derives(one, AuthenticationMiddleware)]
    if guards and sets_user:
        yield from ((found[guards[0]][0], path) for path, _one in found[sets_user[0] + 1 : guards[0]])


def _derives(found: Any, wanted: type) -> bool:
    return isinstance(found, type) and issubclass(found, wanted)


def _uses_the_user(middleware: Any) -> bool:
    """Return whether the code of a middleware, a class or a function that makes one, names the user."""
    functions = _methods(middleware) if isinstance(middleware, type) else [inspect.unwrap(middleware)]
    return any(isinstance(one, FunctionType) and _names_the_user(one.__code__) for one in functions)


def _methods(middleware: type) -> list[Any]:
    """Return what runs on the way in, or may be called from there, without what Django itself brings."""
    own = [base for base in inspect.getmro(middleware) if not f"{base.__module__}.".startswith(OF_OTHERS)]
    members = [member for base in own for name, member in vars(base).items() if name not in LATER]
    return [inspect.unwrap(getattr(member, "__func__", member)) for member in members]


def _names_the_user(code: CodeType) -> bool:
    """Return whether the code reads an attribute of that name, or passes it to ``getattr()``, or a function inside it does."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    named = {*code.co_names, *(constant for constant in code.co_consts if isinstance(constant, str))}
    return bool(USER & named) or any(_names_the_user(one) for one in inner)
