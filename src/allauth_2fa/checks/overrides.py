"""Overrides of a 0.x project's that do harm, or nothing, now."""

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
"""Methods of adapters that have a part in a login."""

CHALLENGE_WORDS = frozenset({"two-factor-authenticate", "get_2fa_authenticate_url"})
"""What leads to the challenge."""

OLD_SESSION_KEYS = frozenset({"allauth_2fa_user_id", "allauth_2fa_login"})
"""Session keys by which 0.x remembered a pending login."""


@checks.register(checks.Tags.security)
def check_login_overrides(**_kwargs: Any) -> Messages:
    """E015: a method of an adapter sends logins to the challenge by itself, as with 0.x."""
    hint = (
        "Take that out. A stage of allauth's login asks for the second factor, after social logins too; "
        "has_2fa_enabled() says whom. See the upgrade guide: overrides that do harm."
    )
    return [
        checks.Error(f"{name_of(adapter)}.{method}() sends logins to the challenge by itself.", hint=hint, id="allauth_2fa.E015")
        for adapter in _adapters()
        for method, words in _methods(adapter)
        if words & OLD_SESSION_KEYS or (method in LOGIN_HOOKS and words & CHALLENGE_WORDS)
    ]


def _adapters() -> list[type]:
    """Return the project's adapters: of accounts, and of social logins if there are any."""
    found = [type(get_adapter())]
    path = getattr(settings, "SOCIALACCOUNT_ADAPTER", None)
    if path and apps.is_installed("allauth.socialaccount"):
        found.append(import_string(path))
    return found


def _methods(adapter: type) -> Iterator[tuple[str, set[str]]]:
    """Give each method that the project has written, and the words in its code."""
    for base in adapter.__mro__:
        if name_of(base).startswith(NOT_THE_PROJECTS):
            continue
        for name, value in vars(base).items():
            code = getattr(unwrap(value), "__code__", None) if callable(value) else None
            # What keeps a login in 0.x's way is never called, which is W001's to say.
            if code is not None and name not in OLD_HOOKS:
                yield name, set(_words(code))


def _words(code: CodeType) -> Iterator[str]:
    """Give the names and the texts in a function, those of the functions inside it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _words(constant)


@checks.register(checks.Tags.urls)
def check_setup_overrides(**_kwargs: Any) -> Messages:
    """E016: a subclass of the setup makes its devices in a way of 0.x's that is not asked any more."""
    views = (layer for _route, pattern in find.patterns() for layer in layers(pattern.callback))
    setups = {layer for layer in views if isinstance(layer, type) and issubclass(layer, TwoFactorSetup)}
    hint = "Take the method away. To set up a device for another user, override get_device_owner() and may_set_up_for()."
    return [
        checks.Error(f"{name_of(view)}._new_device() is never called, and the page is not served.", hint=hint, id="allauth_2fa.E016")
        for view in sorted(setups, key=name_of)
        if view.has_old_hook()
    ]


@checks.register(checks.Tags.security)
def check_silent_overrides(**_kwargs: Any) -> Messages:
    """W008: a hook of the middleware that nobody calls any more. W009: one of a form."""
    guards = [found for path in settings.MIDDLEWARE if isinstance(found := import_string(path), type)]
    middleware_hint = (
        "The guard finds out by itself which requests cancel a pending login. Take the method away, "
        "or put what else it does into a middleware of its own."
    )
    form_hint = "The answer is judged by the package. Put checks of your own into clean(), after super().clean()."
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
    """Give the project's forms, those that are there."""
    for form in app_settings.FORMS.values() if isinstance(app_settings.FORMS, dict) else ():
        with suppress(ImportError):
            yield import_string(form) if isinstance(form, str) else form
