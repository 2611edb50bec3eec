"""Finds middleware that uses ``request.user`` before the guard has wrapped it. It reads code and calls nothing."""

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
"""Packages with middleware that is known not to keep the user before the guard runs."""

LATER = frozenset({"process_view", "process_template_response", "process_response", "process_exception"})
"""Methods that Django calls after every middleware has seen the request."""

USER = frozenset({"user", "auser"})


def check_order(**_kwargs: Any) -> list[checks.CheckMessage]:
    """W023: a middleware uses ``request.user`` before the guard."""
    return [
        checks.Warning(
            f"'{path}' uses request.user before the guard runs.",
            hint=f"It can see the user of a session that has ended. Move '{guard}' up, directly after django-otp's middleware.",
            id="allauth_2fa.W023",
        )
        for guard, path in _before_the_guard()
        if not path.startswith(OF_OTHERS) and _uses_the_user(import_string(path))
    ]


def _before_the_guard() -> Iterator[tuple[str, str]]:
    """Yield the guard together with each middleware between Django's authentication middleware and the guard."""
    found = [(path, import_string(path)) for path in settings.MIDDLEWARE]
    guards = [at for at, (_path, one) in enumerate(found) if _derives(one, AllauthTwoFactorMiddleware)]
    sets_user = [at for at, (_path, one) in enumerate(found) if _derives(one, AuthenticationMiddleware)]
    if guards and sets_user:
        yield from ((found[guards[0]][0], path) for path, _one in found[sets_user[0] + 1 : guards[0]])


def _derives(found: Any, wanted: type) -> bool:
    return isinstance(found, type) and issubclass(found, wanted)


def _uses_the_user(middleware: Any) -> bool:
    """Return whether the code of a middleware (a class, or a function that makes one) names the user."""
    functions = _methods(middleware) if isinstance(middleware, type) else [inspect.unwrap(middleware)]
    return any(isinstance(one, FunctionType) and _names_the_user(one.__code__) for one in functions)


def _methods(middleware: type) -> list[Any]:
    """Return the methods that run before the view, without those that Django defines."""
    own = [base for base in inspect.getmro(middleware) if not f"{base.__module__}.".startswith(OF_OTHERS)]
    members = [member for base in own for name, member in vars(base).items() if name not in LATER]
    return [inspect.unwrap(getattr(member, "__func__", member)) for member in members]


def _names_the_user(code: CodeType) -> bool:
    """Return whether the code, or a function inside it, reads an attribute named ``user``, or has that name as a string."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    named = {*code.co_names, *(constant for constant in code.co_consts if isinstance(constant, str))}
    return bool(USER & named) or any(_names_the_user(one) for one in inner)
