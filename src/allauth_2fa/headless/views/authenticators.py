"""What protects the account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from allauth_2fa.headless import authenticators
from allauth_2fa.headless import compat as api

from .account import AccountView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class AuthenticatorsView(AccountView):
    """Lists the user's authenticators: ours, and after them those of ``allauth.mfa``."""

    mfa_view, mfa_type = "AuthenticatorsView", "totp"

    def is_left_to_mfa(self) -> bool:
        """Return no: the list has both."""
        return False

    def needs_proof(self) -> bool:
        """Return no: nothing that is listed is secret."""
        return False

    def get(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Return the list."""
        theirs: list[Any] = json.loads(self.leave_to_mfa(self.mfa_view, request).content)["data"] if self.has_mfa else []  # type: ignore[attr-defined]
        return api.APIResponse(request, data=[*authenticators.listed(self.owner), *theirs])
