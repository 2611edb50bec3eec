"""Signing in by a passkey alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth_2fa.devices import passkeys
from allauth_2fa.exceptions import Refused
from allauth_2fa.headless import compat as api
from allauth_2fa.headless import inputs, responses
from allauth_2fa.login import passwordless
from allauth_2fa.views.passkeys import too_many

from .asking import AskingPasskeys

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

MFA_LOGIN, MFA_SIGNUP = "PASSKEY_LOGIN_ENABLED", "PASSKEY_SIGNUP_ENABLED"
"""The names of ``allauth.mfa``'s settings, without their prefix."""


class LoginWebAuthnView(api.View):
    """Asks whichever passkey of the site's the visitor chooses, and logs its owner in."""

    input_class = {"POST": inputs.CredentialInput}
    input: inputs.CredentialInput

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the sites on which passkeys sign in alone, and not too often."""
        if passkeys.may_log_in():
            return too_many(request) or super().handle(request, *args, **kwargs)
        return self._leave_to_mfa(request, *args, **kwargs)

    def get(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Put the question."""
        options = passwordless.ask(request)
        if api.mfa_allows(MFA_LOGIN):
            api.mfa_shares_question(options["challenge"])
        return responses.request_options(request, options)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Judge the answer."""
        if request.user.is_authenticated:
            return api.ConflictResponse(request)
        if api.mfa_allows(MFA_LOGIN) and not passwordless.is_ours(self.input.answer):
            return self._leave_to_mfa(request, *args, **kwargs)
        try:
            passwordless.log_in(request, self.input.answer, None)
        except Refused as refusal:
            return responses.refused(request, refusal, AskingPasskeys.param)
        return api.AuthenticationResponse(request)

    def _leave_to_mfa(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not api.mfa_allows(MFA_LOGIN):
            return api.APIResponse(request, status=404)
        return self.leave_to_mfa("LoginWebAuthnView", request, *args, **kwargs)


class SignupWebAuthnView(api.View):
    """Refuses to sign up by a passkey, unless ``allauth.mfa`` offers that."""

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Leave the request to ``allauth.mfa`` if it takes such users."""
        if api.mfa_allows(MFA_SIGNUP):
            return self.leave_to_mfa("SignupWebAuthnView", request, *args, **kwargs)
        return super().handle(request, *args, **kwargs)

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Refuse: nobody signs up by a passkey here."""
        return api.ForbiddenResponse(request)

    def get(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Refuse: no such sign-up waits."""
        return api.ConflictResponse(request)

    put = get
