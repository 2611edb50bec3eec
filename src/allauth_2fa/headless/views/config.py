"""What a client asks before it shows anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth_2fa.devices import passkeys
from allauth_2fa.factors import registry
from allauth_2fa.factors.base import API_TYPES
from allauth_2fa.headless import compat as api

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class ConfigurationResponse(api.ConfigurationResponse):
    """allauth's description of the configuration, with the factors of the site."""

    def extend(self, theirs: dict[str, Any]) -> dict[str, Any]:
        """Return the factors that allauth's contract knows, and whether passkeys sign in without a password."""
        ours = {factor.id for factor in registry.factors()}
        known = {*theirs.get("supported_types", ()), *ours}
        return {
            **theirs,
            "supported_types": [name for name in API_TYPES if name in known],
            "passkey_login_enabled": passkeys.may_log_in() or theirs.get("passkey_login_enabled", False),
        }


class ConfigView(api.View):
    """Tells the site's configuration."""

    def get(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Return it."""
        return ConfigurationResponse(request)
