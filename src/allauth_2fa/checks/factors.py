"""Which factors there are, what they need, and how their secrets are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from allauth_2fa import app_settings, encryption
from allauth_2fa.factors import registry

if TYPE_CHECKING:
    from .wiring import Messages


@checks.register(checks.Tags.security)
def check_factors(**_kwargs: Any) -> Messages:
    """E010: ALLAUTH_2FA_FACTORS names what is no factor, or nothing that a login can wait for."""
    try:
        registry.factors()
    except (ImproperlyConfigured, ImportError, TypeError) as error:
        hint = 'Take ids, or paths of classes. Recovery codes stand in for a factor and are none: add "totp", say.'
        return [checks.Error(f"ALLAUTH_2FA_FACTORS cannot be used: {error}.", hint=hint, id="allauth_2fa.E010")]
    return []


@checks.register(checks.Tags.security)
def check_passkey_login(**_kwargs: Any) -> Messages:
    """E011: passkeys are to sign in without a password, and there are none."""
    if app_settings.PASSKEY_LOGIN is not True or apps.is_installed("django_otp_webauthn"):
        return []
    hint = "Add 'django_otp_webauthn' to INSTALLED_APPS, from the package django-otp-webauthn, or take the setting away."
    return [checks.Error("ALLAUTH_2FA_PASSKEY_LOGIN is True, and passkeys are not installed.", hint=hint, id="allauth_2fa.E011")]


@checks.register(checks.Tags.security)
def check_encryption(**_kwargs: Any) -> Messages:
    """E012: an entry of ALLAUTH_2FA_ENCRYPTION_KEYS cannot be a key. E013: the library that encrypts is missing."""
    keys = app_settings.ENCRYPTION_KEYS
    if not keys or not isinstance(keys, list):
        return []
    hint = "Make each with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    wrong = encryption.weaknesses(keys)
    if wrong:
        return [checks.Error(f"ALLAUTH_2FA_ENCRYPTION_KEYS: {weak}.", hint=hint, id="allauth_2fa.E012") for weak in wrong]
    try:
        encryption.site_keys()
    except ImproperlyConfigured as error:
        hint = "Without it, nobody with an authenticator app logs in."
        return [checks.Error(str(error), hint=hint, id="allauth_2fa.E013")]
    return []


@checks.register(checks.Tags.security, deploy=True)
def check_secrets_at_rest(**_kwargs: Any) -> Messages:
    """W007: secrets are readable for whoever reads the database."""
    if app_settings.ENCRYPTION_KEYS:
        return []
    hint = "Set ALLAUTH_2FA_ENCRYPTION_KEYS, and run: manage.py allauth_2fa_secrets encrypt"
    return [checks.Warning("The secrets of authenticator apps are stored readable.", hint=hint, id="allauth_2fa.W007")]
