"""The second factor, asked in the middle of a session, before something is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth_2fa import compat
from allauth_2fa.factors import lookup
from allauth_2fa.headless import compat as api
from allauth_2fa.headless import responses
from allauth_2fa.login import reauthentication, verdict
from allauth_2fa.state.session import SessionState

from .asking import AskingPasskeys, AskingView

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django_otp.models import Device

    from allauth_2fa.factors.base import Factor


class ReauthenticateView(AskingView, api.AuthenticatedView):
    """Takes a code that confirms that it is still the user who is there."""

    mfa_view = "ReauthenticateView"

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the owner of the account. Whoever can answer here by ``allauth.mfa`` alone is left to its view."""
        if verdict.is_impersonated(request):
            return responses.impersonated(request)
        user = self.get_user()
        if compat.mfa_installed() and not any(map(self.takes, lookup.held(user))) and compat.mfa_enabled_for(user):
            return self.leave_to_mfa(self.mfa_view, request, *args, **kwargs)
        return super().handle(request, *args, **kwargs)

    def takes(self, factor: Factor) -> bool:
        """Return whether the endpoint takes the answers of this factor of ours."""
        return factor.primary and factor.typed

    def get_user(self) -> AbstractBaseUser:
        """Return the user who is logged in."""
        return self.request.user

    def get_store(self) -> SessionState:
        """Return what the session keeps for its user."""
        return SessionState(self.request.session, self.get_user())

    def accept(self, device: Device) -> HttpResponse:
        """Record the answer, and tell the client where the session stands."""
        reauthentication.complete(self.request, self.get_user(), device)
        api.hand_out_tokens(self.request)
        return api.AuthenticationResponse(self.request)

    def end(self) -> HttpResponse:
        """Tell a user without a factor how else to reauthenticate."""
        return api.ReauthenticationResponse(self.request)


class ReauthenticateWebAuthnView(AskingPasskeys, ReauthenticateView):
    """Takes the answer of a passkey that confirms that it is still the user who is there."""

    mfa_view = "ReauthenticateWebAuthnView"

    def takes(self, factor: Factor) -> bool:
        """Return whether the endpoint takes the answers of this factor of ours."""
        return not factor.typed
