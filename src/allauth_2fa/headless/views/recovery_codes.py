"""The user's recovery codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from allauth_2fa import app_settings
from allauth_2fa.devices import recovery_codes
from allauth_2fa.headless import authenticators
from allauth_2fa.headless import compat as api

from .account import AccountView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class ManageRecoveryCodesView(AccountView):
    """Makes recovery codes, and counts them afterwards: most sites store no readable ones."""

    input_class: ClassVar[Any] = {}
    mfa_view, mfa_type = "ManageRecoveryCodesView", "recovery_codes"

    @sensitive_variables("readable")
    def get(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Return how many codes are left; with ``ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS`` the codes as well."""
        readable = recovery_codes.readable(self.owner) if app_settings.ALWAYS_REVEAL_BACKUP_TOKENS else None
        described = authenticators.recovery(self.owner, readable)
        return api.APIResponse(request, data=described, status=200 if described else 404)

    @sensitive_variables("codes")
    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Make new codes instead of all old ones, and show them."""
        if not self.has_factor:
            message = _("Set up two-factor authentication before you make recovery codes.")
            return api.APIResponse(request, errors=[{"message": message, "code": "cannot_generate_recovery_codes"}], status=400)
        codes = recovery_codes.renew(request, self.owner)
        return api.APIResponse(request, data=authenticators.recovery(self.owner, codes))
