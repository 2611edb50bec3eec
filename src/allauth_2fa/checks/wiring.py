"""System checks of the adapter, the login stage, the middleware, the settings, the sessions and the cache.

An error means that users may sign in without their second factor, or not at all. A warning means that the protection is
weaker than it seems. ``docs/checks.md`` lists all checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from allauth_2fa import app_settings, compat
from allauth_2fa.adapter import LATER_STAGES, STAGE, OTPAdapter, TwoFactorAdapterMixin
from allauth_2fa.audit.notices import NOTICES
from allauth_2fa.middleware import AllauthTwoFactorMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

Messages = list[checks.CheckMessage]

OURS = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
EARLIER_MIDDLEWARE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
)
OLD_HOOKS = ("stash_pending_login", "unstash_pending_login_kwargs")
FORM_KEYS = frozenset({"authenticate", "setup", "remove", "reauthenticate", "add", "add_passkey", "rename"})


def check_adapter(**_kwargs: Any) -> Messages:
    """E001: the account adapter does not add our login stage. W001: it overrides hooks of 0.x."""
    adapter = type(get_adapter())
    if not issubclass(adapter, TwoFactorAdapterMixin):
        return [
            checks.Error(
                "ACCOUNT_ADAPTER does not ask for a second factor.",
                hint=f"Set it to '{OTPAdapter.__module__}.{OTPAdapter.__qualname__}', or derive your own from TwoFactorAdapterMixin first.",
                id="allauth_2fa.E001",
            )
        ]
    return [
        checks.Warning(
            f"{adapter.__qualname__}.{name} is never called.",
            hint="allauth now keeps pending logins itself. Remove the method.",
            id="allauth_2fa.W001",
        )
        for name in OLD_HOOKS
        if hasattr(adapter, name)
    ]


def check_stage(**_kwargs: Any) -> Messages:
    """E002: our login stage is missing. E003: it is in the wrong position. E004: another stage has the same key."""
    stages = get_adapter().get_login_stages()
    if STAGE not in stages:
        return [
            checks.Error(
                "The login has no stage for the second factor.",
                hint=f"get_login_stages() of your adapter must include '{STAGE}'. Extend what super() returns.",
                id="allauth_2fa.E002",
            )
        ]
    return [*_misplaced(stages), *_doubled(stages)]


def _misplaced(stages: list[str]) -> Iterator[checks.CheckMessage]:
    at = stages.index(STAGE)
    if any(stage in stages[at:] for stage in compat.ACCOUNT_STAGES) or any(stage in stages[:at] for stage in LATER_STAGES):
        yield checks.Error(
            f"'{STAGE}' is in the wrong position.",
            hint="Put it after the verification stages of allauth and before the trust and passkey stages of allauth.mfa.",
            id="allauth_2fa.E003",
        )


def _doubled(stages: list[str]) -> Iterator[checks.CheckMessage]:
    same = [stage for stage in stages if getattr(import_string(stage), "key", None) == compat.STAGE_KEY]
    if len(same) > 1:
        yield checks.Error(
            f"Two login stages have the key '{compat.STAGE_KEY}': {', '.join(same)}.",
            hint="The first answer counts for both. Keep the stage of this package, which also asks for the factors of allauth.mfa.",
            id="allauth_2fa.E004",
        )


def check_reauthentication(**_kwargs: Any) -> Messages:
    """E020: allauth decides whether a user has reauthenticated without calling this package."""
    if compat.asks_for_our_proof():
        return []
    hint = "This release of django-allauth is not supported. Use an older release, or a newer release of this package."
    message = "A user with a second factor can reauthenticate with allauth without it."
    return [checks.Error(message, hint=hint, id="allauth_2fa.E020")]


def check_middleware(**_kwargs: Any) -> Messages:
    """E005: our middleware is missing. E006: a middleware that it needs is missing, or comes after it."""
    paths = list(settings.MIDDLEWARE)
    at = next((index for index, path in enumerate(paths) if _is(path, AllauthTwoFactorMiddleware)), None)
    if at is None:
        hint = f"Add '{OURS}' after '{EARLIER_MIDDLEWARE[-1]}'. Without it, only allauth's own login views ask for the second factor."
        return [checks.Error("The guard is missing from MIDDLEWARE.", hint=hint, id="allauth_2fa.E005")]
    return [
        checks.Error(
            f"'{needed}' must be in MIDDLEWARE before '{paths[at]}'.",
            hint="Use this order: sessions, authentication, django-otp, the guard.",
            id="allauth_2fa.E006",
        )
        for needed in EARLIER_MIDDLEWARE
        if not any(_is(path, import_string(needed)) for path in paths[:at])
    ]


def _is(path: str, wanted: Any) -> bool:
    found = import_string(path)
    return found is wanted or (isinstance(found, type) and isinstance(wanted, type) and issubclass(found, wanted))


def check_settings(**_kwargs: Any) -> Messages:
    """E008: a setting has a wrong type or value. W002: a setting is unknown, and perhaps misspelt."""
    messages: Messages = []
    for setting in app_settings.SETTINGS.values():
        value = setting.read()
        is_unset = value is None and setting.default() is None
        is_kind = is_unset or (
            isinstance(value, setting.kind) and (not isinstance(value, bool) or not {bool, object}.isdisjoint(setting.kinds))
        )
        if not is_kind or (setting.minimum is not None and value < setting.minimum):
            messages.append(wrong_setting(setting, value))
    unknown_forms = sorted(set(app_settings.FORMS) - FORM_KEYS) if isinstance(app_settings.FORMS, dict) else []
    unknown_events = sorted(set(map(str, app_settings.NOTIFY)) - set(NOTICES)) if isinstance(app_settings.NOTIFY, dict) else []
    unknown = [name for name in _names_set() if name.removeprefix(app_settings.PREFIX) not in app_settings.SETTINGS]
    unknown += [f"{app_settings.PREFIX}FORMS[{key!r}]" for key in unknown_forms]
    unknown += [f"{app_settings.PREFIX}NOTIFY[{name!r}]" for name in unknown_events]
    for name in unknown:
        messages.append(checks.Warning(f"{name} is not a setting of this package.", hint="Check the spelling.", id="allauth_2fa.W002"))
    return messages


def wrong_setting(setting: app_settings.Setting, value: object) -> checks.CheckMessage:
    """Return the error about a setting with a wrong value, without showing a secret."""
    least = "" if setting.minimum is None else f" and at least {setting.minimum}"
    shown = f"of type {type(value).__name__}" if setting.is_secret else repr(value)
    return checks.Error(f"{setting.full_name} is {shown}.", hint=f"It must be of type {setting.kind_name}{least}.", id="allauth_2fa.E008")


def _names_set() -> list[str]:
    return sorted(name for name in dir(settings) if name.startswith(app_settings.PREFIX))


def check_sessions(**_kwargs: Any) -> Messages:
    """W003: sessions are stored only in the visitor's cookie."""
    if settings.SESSION_ENGINE != "django.contrib.sessions.backends.signed_cookies":
        return []
    hint = "A copied cookie works until it expires, even after a logout. Store sessions in the database or a cache."
    return [checks.Warning("Sessions are stored in signed cookies.", hint=hint, id="allauth_2fa.W003")]


def check_cache(**_kwargs: Any) -> Messages:
    """W004: the cache in which allauth counts login attempts stores nothing."""
    if settings.CACHES.get("default", {}).get("BACKEND") != "django.core.cache.backends.dummy.DummyCache":
        return []
    hint = "allauth counts passwords and reauthentications in the default cache. Use a cache that stores values."
    return [checks.Warning("The default cache stores nothing, so allauth's rate limits do not work.", hint=hint, id="allauth_2fa.W004")]
