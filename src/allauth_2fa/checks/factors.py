"""System checks of the factors: which ones are on, what they need, and how their secrets are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account import app_settings as account_settings
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, router
from django.db.models import Q

from allauth_2fa import app_settings
from allauth_2fa.encryption import cipher
from allauth_2fa.factors import registry

if TYPE_CHECKING:
    from collections.abc import Collection

    from allauth_2fa.factors.base import Factor

    from .wiring import Messages

APPS = {
    "hotp": "django_otp.plugins.otp_hotp",
    "email": "django_otp.plugins.otp_email",
    "sms": "otp_twilio",
    "webauthn": "django_otp_webauthn",
    "yubikey": "otp_yubikey",
}
"""The app that each factor needs, by the factor's id."""
UNREAD = tuple(f"OTP_EMAIL_{name}" for name in ("SENDER", "SUBJECT", "BODY_TEMPLATE", "BODY_TEMPLATE_PATH", "BODY_HTML_TEMPLATE"))
"""Settings of django-otp for its own mails, which this package does not send."""


def check_factors(**_kwargs: Any) -> Messages:
    """E010: ALLAUTH_2FA_FACTORS names an unknown factor, or no primary one. E021: the app of a factor is missing."""
    missing = [app for name, app in APPS.items() if _is_named(name) and not apps.is_installed(app)]
    if missing:
        hint = f"Add {', '.join(missing)} to INSTALLED_APPS."
        return [checks.Error("ALLAUTH_2FA_FACTORS names a factor whose app is not installed.", hint=hint, id="allauth_2fa.E021")]
    try:
        registry.factors()
    except (ImproperlyConfigured, ImportError, TypeError) as error:
        hint = 'Use ids or paths of classes. Recovery codes alone are not enough: add "totp", for example.'
        return [checks.Error(f"ALLAUTH_2FA_FACTORS cannot be used: {error}.", hint=hint, id="allauth_2fa.E010")]
    return []


def check_sent_codes(**_kwargs: Any) -> Messages:
    """W020: settings are never read. W021: both steps of a login use the same mailbox. W022: codes are written to the log."""
    messages: Messages = []
    if _is_named("email"):
        unread = [name for name in UNREAD if hasattr(settings, name)]
        hint = "Your account adapter sends the codes. Override the templates allauth_2fa/email/code_* instead."
        messages += [checks.Warning(f"{name} has no effect.", hint=hint, id="allauth_2fa.W020") for name in unread]
    if _is_named("email") and account_settings.LOGIN_BY_CODE_ENABLED:
        hint = "Anyone who can read a user's mail can sign in as that user. Turn one of the two off."
        messages.append(checks.Warning("Logins by e-mail code use e-mail as the second factor too.", hint=hint, id="allauth_2fa.W021"))
    if apps.is_installed("otp_twilio") and getattr(settings, "OTP_TWILIO_NO_DELIVERY", False):
        hint = "Anyone who can read the log can sign in. Remove OTP_TWILIO_NO_DELIVERY from the settings of a live site."
        messages.append(checks.Warning("Codes are written to the log and are not sent.", hint=hint, id="allauth_2fa.W022"))
    return messages


def check_addresses(databases: Collection[str] | None = None, **_kwargs: Any) -> Messages:
    """W032: devices for codes by e-mail have no address. It runs only with ``check --database``, since it queries the database."""
    if not databases or check_factors():
        return []
    count = sum(_count_blank(factor, databases) for factor in registry.primaries() if factor.address_field)
    if not count:
        return []
    hint = "Set the address of each device in a shell, or remove the device. Its user cannot sign in with it."
    return [checks.Warning(f"{count} devices for codes by e-mail have no address.", hint=hint, id="allauth_2fa.W032")]


def _count_blank(factor: Factor, databases: Collection[str]) -> int:
    """Return the number of confirmed devices of the factor without an address; 0 if their table does not exist yet."""
    using, name = router.db_for_read(factor.model), factor.address_field
    if using not in databases:
        return 0
    try:
        return factor.model.objects.using(using).filter(Q(**{name: None}) | Q(**{name: ""}), confirmed=True).count()
    except DatabaseError:
        return 0


def _is_named(factor_id: str) -> bool:
    return isinstance(app_settings.FACTORS, list) and factor_id in app_settings.FACTORS


def check_passkey_login(**_kwargs: Any) -> Messages:
    """E011: passkey login is on, and passkeys are not installed."""
    if app_settings.PASSKEY_LOGIN is not True or apps.is_installed("django_otp_webauthn"):
        return []
    hint = "Install django-otp-webauthn and add 'django_otp_webauthn' to INSTALLED_APPS, or remove the setting."
    return [checks.Error("ALLAUTH_2FA_PASSKEY_LOGIN is True, but passkeys are not installed.", hint=hint, id="allauth_2fa.E011")]


def check_encryption(**_kwargs: Any) -> Messages:
    """E012: an entry of ALLAUTH_2FA_ENCRYPTION_KEYS cannot be a key. E013: the library that encrypts is missing."""
    keys = app_settings.ENCRYPTION_KEYS
    if not keys or not isinstance(keys, list):
        return []
    hint = "Create each key with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    wrong = cipher.weaknesses(keys)
    if wrong:
        return [checks.Error(f"ALLAUTH_2FA_ENCRYPTION_KEYS: {weak}.", hint=hint, id="allauth_2fa.E012") for weak in wrong]
    try:
        cipher.site_keys()
    except ImproperlyConfigured as error:
        hint = "Without it, users with an authenticator app cannot sign in."
        return [checks.Error(str(error), hint=hint, id="allauth_2fa.E013")]
    return []


def check_secrets_at_rest(**_kwargs: Any) -> Messages:
    """W007: secrets are stored unencrypted."""
    if app_settings.ENCRYPTION_KEYS:
        return []
    hint = "Set ALLAUTH_2FA_ENCRYPTION_KEYS and run: manage.py allauth_2fa_secrets encrypt"
    return [checks.Warning("The secrets of authenticator apps are stored unencrypted.", hint=hint, id="allauth_2fa.W007")]
