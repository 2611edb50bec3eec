"""Lists the factors that are on, in the order in which they are offered.

Each factor whose django-otp app is installed is on, but for those that a site has to ask for (e-mail);
``ALLAUTH_2FA_FACTORS`` orders and limits them. A device model that no factor claims gets the generic factor, so that every
django-otp plugin is served.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import django_otp
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from allauth_2fa import app_settings
from allauth_2fa.exceptions import NothingEnrolled

from .base import Factor
from .generic import GenericFactor
from .recovery import RecoveryFactor
from .static import StaticFactor
from .totp import TotpFactor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_otp.models import Device


totp = TotpFactor()
recovery = RecoveryFactor()
static = StaticFactor()

BUILT_IN: tuple[tuple[str, str], ...] = (
    ("django_otp.plugins.otp_hotp", "allauth_2fa.factors.hotp.HotpFactor"),
    ("django_otp.plugins.otp_email", "allauth_2fa.factors.email.EmailFactor"),
    ("django_otp_webauthn", "allauth_2fa.factors.webauthn.WebAuthnFactor"),
    ("otp_twilio", "allauth_2fa.factors.sms.SmsFactor"),
    ("otp_yubikey", "allauth_2fa.factors.yubikey.YubikeyFactor"),
)
"""The app that must be installed, and the factor that then is on. Their modules import models, so they wait for it."""

NOT_GENERIC = frozenset({"django_otp_webauthn.webauthncredential"})
"""Models with devices that cannot be verified by a typed code."""

DECIDING = frozenset({"ALLAUTH_2FA_FACTORS", "INSTALLED_APPS"})
"""The settings that decide which factors are on."""


@cache
def factors() -> tuple[Factor, ...]:
    """Return the factors that are on, in the order in which they are offered.

    Raises:
        ImproperlyConfigured: ``ALLAUTH_2FA_FACTORS`` names something that is no factor, or nothing that a login can wait
            for. Nobody logs in then: a mistake in a setting must not let everybody in without a second factor.
    """
    chosen = app_settings.FACTORS
    if not chosen:
        return tuple(sorted(_unasked(_once(_available(()))), key=lambda factor: factor.rank))
    listed = _listed(chosen)
    if not any(factor.primary for factor in listed):
        raise ImproperlyConfigured("ALLAUTH_2FA_FACTORS names no factor besides recovery codes")
    return listed


def _listed(chosen: Sequence[str]) -> tuple[Factor, ...]:
    own = [_own(entry) for entry in chosen if _is_path(entry)]
    by_id = {factor.id: factor for factor in _available(own)}
    try:
        return tuple(by_id[own.pop(0).id] if _is_path(entry) else by_id[entry] for entry in chosen)
    except KeyError as missing:
        known = ", ".join(sorted(by_id))
        raise ImproperlyConfigured(f"ALLAUTH_2FA_FACTORS names {missing}, which is not one of: {known}") from None


@receiver(setting_changed)
def _forget(*, setting: str, **_facts: Any) -> None:
    """Clear the cached list when a test changes a setting that it depends on."""
    if setting in DECIDING:
        for kept in (factors, primaries):
            kept.cache_clear()


def _available(own: Sequence[Factor]) -> list[Factor]:
    """Return the project's own factors, the built-in ones, and a generic one for each model without a factor."""
    built_in = [import_string(path)() for app, path in BUILT_IN if apps.is_installed(app)]
    claiming: list[Factor] = [*own, totp, *built_in, recovery, static]
    claimed = {factor.model for factor in claiming}
    unclaimed = [model for model in django_otp.device_classes() if model not in claimed and model.model_label() not in NOT_GENERIC]
    return [*claiming, *(GenericFactor(model) for model in unclaimed)]


def _once(available: list[Factor]) -> list[Factor]:
    """Leave out models that are proxies or children of a model with a factor: they have the same devices under another id."""
    served = {factor.model for factor in available}
    return [factor for factor in available if not served.intersection(factor.model.__mro__[1:])]


def _unasked(available: list[Factor]) -> list[Factor]:
    """Leave out the factors that are on only if ``ALLAUTH_2FA_FACTORS`` names them."""
    return [factor for factor in available if not factor.opt_in]


def _is_path(entry: str) -> bool:
    """Return whether the entry is the path of a class and not an id. The last part of a generic factor's id is in lower case."""
    return entry.rpartition(".")[2][:1].isupper()


def _own(entry: str) -> Factor:
    factor = import_string(entry)()
    if not isinstance(factor, Factor):
        raise ImproperlyConfigured(f"ALLAUTH_2FA_FACTORS names {entry}, which is not a Factor")
    return factor


@cache
def primaries() -> tuple[Factor, ...]:
    """Return the primary factors: a login waits for users who have one of them."""
    return tuple(factor for factor in factors() if factor.primary)


def may_send() -> bool:
    """Return whether a primary factor can send codes."""
    return any(factor.sends_codes for factor in primaries())


def by_id(factor_id: str) -> Factor | None:
    """Return the factor with that id, None if there is none or it is off."""
    return next((factor for factor in factors() if factor.id == factor_id), None)


def factor_of(device: Device) -> Factor | None:
    """Return the factor of the device, None if it is off."""
    return next((factor for factor in factors() if isinstance(device, factor.model)), None)


def factor_in_use(device: Device) -> Factor:
    """Return the factor of the device.

    Raises:
        NothingEnrolled: it is off.
    """
    factor = factor_of(device)
    if factor is None:
        raise NothingEnrolled
    return factor
