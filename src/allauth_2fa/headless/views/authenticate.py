"""The challenge of a login that waits for a second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth_2fa import compat
from allauth_2fa.exceptions import LoginEnded
from allauth_2fa.headless import compat as api
from allauth_2fa.headless import inputs
from allauth_2fa.login import challenge, pending
from allauth_2fa.stages import TrustStage, TwoFactorStage
from allauth_2fa.state.pending import PendingLogin, ProvedBy

from .asking import AskingPasskeys, AskingView

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django_otp.models import Device


class AuthenticateView(AskingView, api.StageView):
    """Takes a code for the login that waits."""

    stage_class = TwoFactorStage
    mfa_view = "AuthenticateView"

    def enter(self, request: HttpRequest) -> HttpResponseBase | None:
        """Let a login go on that is sound and waits for a device of ours. One that ``allauth.mfa`` judges is left to its view."""
        if PendingLogin(self.stage.state).proved_by is ProvedBy.MFA:
            return self.leave_to_mfa(self.mfa_view, request)
        try:
            self.user = pending.ensure_sound(self.stage)
        except LoginEnded:
            return self.end()
        return None

    def get_user(self) -> AbstractBaseUser:
        """Return whose login it is; nobody is logged in yet."""
        return self.user

    def get_store(self) -> PendingLogin:
        """Return the state of our stage: what was asked counts for this login alone."""
        return PendingLogin(self.stage.state)

    def accept(self, device: Device) -> HttpResponse:
        """Let the login go on, and tell the client where it stands."""
        challenge.complete(self.stage, self.user, device)
        return api.AuthenticationResponse(self.request)

    def end(self) -> HttpResponse:
        """End the login."""
        self.stage.abort()
        return api.UnauthorizedResponse(self.request)


class AuthenticateWebAuthnView(AskingPasskeys, AuthenticateView):
    """Takes the answer of a passkey for the login that waits."""

    mfa_view = "AuthenticateWebAuthnView"

    def keep_store(self) -> None:
        """Keep the login again, with what its state now holds."""
        compat.stash(self.request, self.stage.login)


class TrustView(api.StageView):
    """Takes whether the browser is to be trusted, after the answer."""

    stage_class = TrustStage
    input_class = {"POST": inputs.TrustInput}
    input: inputs.TrustInput

    def enter(self, request: HttpRequest) -> HttpResponseBase | None:
        """Leave a login that has answered to ``allauth.mfa`` to its view."""
        is_of_mfa = PendingLogin(self.stage.state).proved_by is ProvedBy.MFA
        return self.leave_to_mfa("TrustView", request) if is_of_mfa else None

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Let the login go on. The browser is trusted once it is finished."""
        self.stage.challenged().wants_trust = self.input.cleaned_data["trust"]
        self.stage.exit()
        return api.AuthenticationResponse(request)
