"""Finds overrides from 0.x projects that do harm now, or have no effect."""

from __future__ import annotations

from contextlib import suppress
from inspect import unwrap
from types import CodeType
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from allauth_2fa import app_settings
from allauth_2fa.middleware import AllauthTwoFactorMiddleware
from allauth_2fa.views import TwoFactorSetup

from . import find
from .classify import name_of
from .unwrap import layers
from .wiring import OLD_HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

Messages = list[checks.CheckMessage]

NOT_THE_PROJECTS = ("allauth.", "allauth_2fa.", "builtins.")

LOGIN_HOOKS = frozenset({"login", "pre_login", "post_login", "pre_social_login"})
"""Methods of adapters that allauth calls during a login."""

CHALLENGE_WORDS = frozenset({"two-factor-authenticate", "get_2fa_authenticate_url"})
"""Names that code needs to redirect to the challenge."""

OLD_SESSION_KEYS = frozenset({"allauth_2fa_user_id", "allauth_2fa_login"})
"""Session keys of pending logins in 0.x."""


def check_login_overrides(**_kwargs: Any) -> Messages:
    """E015: a method of an adapter redirects logins to the challenge itself, as in 0.x."""
    hint = (
        "Remove that. A stage of allauth's login asks for the second factor, also after social logins, and "
        "has_2fa_enabled() decides for which users. See the upgrade guide: overrides that do harm."
    )
    return [
        checks.Error(f"{name_of(adapter)}.{method}() sends logins to the challenge on its own.", hint=hint, id="allauth_2fa.E015")
        for adapter in _adapters()
        for method, words in _methods(adapter)
        if words & OLD_SESSION_KEYS or (method in LOGIN_HOOKS and words & CHALLENGE_WORDS)
    ]


def _adapters() -> list[type]:
    """Return the project's adapters: for accounts, and for social accounts if they are installed."""
    found = [type(get_adapter())]
    path = getattr(settings, "SOCIALACCOUNT_ADAPTER", None)
    if path and apps.is_installed("allauth.socialaccount"):
        found.append(import_string(path))
    return found


def _methods(adapter: type) -> Iterator[tuple[str, set[str]]]:
    """Yield the name of each method that the project has written, with the names and strings in its code."""
    for base in adapter.__mro__:
        if name_of(base).startswith(NOT_THE_PROJECTS):
            continue
        for name, value in vars(base).items():
            code = getattr(unwrap(value), "__code__", None) if callable(value) else None
            # The old hooks are never called; W001 reports them.
            if code is not None and name not in OLD_HOOKS:
                yield name, set(_words(code))


def _words(code: CodeType) -> Iterator[str]:
    """Yield the names and strings in the code of a function and of the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _words(constant)


def check_setup_overrides(**_kwargs: Any) -> Messages:
    """E016: a subclass of the setup view overrides a hook of 0.x that is never called now."""
    views = (layer for _route, pattern in find.patterns() for layer in layers(pattern.callback))
    setups = {layer for layer in views if isinstance(layer, type) and issubclass(layer, TwoFactorSetup)}
    hint = "Remove the method. To set up a device for another user, override get_device_owner() and may_set_up_for()."
    return [
        checks.Error(f"{name_of(view)}._new_device() is never called, and the page does not open.", hint=hint, id="allauth_2fa.E016")
        for view in sorted(setups, key=name_of)
        if view.has_old_hook()
    ]


def check_silent_overrides(**_kwargs: Any) -> Messages:
    """W008: a middleware has a hook that is never called. W009: a form has one."""
    guards = [found for path in settings.MIDDLEWARE if isinstance(found := import_string(path), type)]
    middleware_hint = (
        "The guard decides which requests cancel a pending login. Remove the method, or move its other code to a middleware of your own."
    )
    form_hint = "This package checks the answer. Put your own checks into clean(), after super().clean()."
    return [
        *(
            checks.Warning(f"{name_of(guard)}.{hook}() is never called.", hint=middleware_hint, id="allauth_2fa.W008")
            for guard in guards
            if issubclass(guard, AllauthTwoFactorMiddleware)
            for hook in ("process_request", "process_response")
            if hasattr(guard, hook)
        ),
        *(
            checks.Warning(f"{name_of(form)}.clean_otp() is never called.", hint=form_hint, id="allauth_2fa.W009")
            for form in _forms()
            if hasattr(form, "clean_otp")
        ),
    ]


def _forms() -> Iterator[Any]:
    """Yield the project's form classes that can be imported."""
    for form in app_settings.FORMS.values() if isinstance(app_settings.FORMS, dict) else ():
        with suppress(ImportError):
            yield import_string(form) if isinstance(form, str) else form
