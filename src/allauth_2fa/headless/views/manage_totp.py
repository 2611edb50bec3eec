"""The authenticator app of allauth's contract, which knows one: the first of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.functional import cached_property
from django.views.decorators.debug import sensitive_variables

from allauth_2fa import compat, utils
from allauth_2fa.devices import enrollment, manage
from allauth_2fa.devices.enrollment import FirstCode
from allauth_2fa.exceptions import EnrollmentEnded, NoRoom, NotAllowed, Refused
from allauth_2fa.factors import registry
from allauth_2fa.headless import authenticators, inputs, responses
from allauth_2fa.headless import compat as api
from allauth_2fa.views.enrollment import shown_by_app

from .account import AccountView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django_otp.plugins.otp_totp.models import TOTPDevice


class ManageTOTPView(AccountView):
    """Sets the user's first authenticator app up, shows it, and removes it."""

    input_class: ClassVar[Any] = {"POST": inputs.FirstCodeInput}
    mfa_view, mfa_type = "ManageTOTPView", "totp"

    def is_left_to_mfa(self) -> bool:
        """Return whether the user has an app of ``allauth.mfa`` and none of ours, or no authenticator but its own."""
        its_own = self.has_mfa and compat.mfa_authenticators().filter(user_id=self.owner.pk, type=self.mfa_type).exists()
        return super().is_left_to_mfa() or (self.device is None and its_own)

    def needs_proof(self) -> bool:
        """Return whether a secret is shown, or something changed."""
        return self.device is None or self.request.method not in {"GET", "HEAD"}

    @cached_property
    def apps(self) -> list[TOTPDevice]:
        """Return the user's authenticator apps."""
        return enrollment.apps_of(self.owner)

    @property
    def device(self) -> TOTPDevice | None:
        """The first app, None if none is set up."""
        return next((device for device in self.apps if device.confirmed), None)

    def get(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Return the app, or else the secret with which one can be set up."""
        if self.device is not None:
            return api.APIResponse(request, data=authenticators.described(self.device))
        try:
            device = self._begin().device
        except Refused as refusal:
            return responses.conflict(request, refusal)
        url = utils.otpauth_url(device, **shown_by_app(request, self.owner))
        return api.APIResponse(request, meta={"secret": utils.get_device_base32_secret(device), "totp_url": url}, status=404)

    def _begin(self) -> enrollment.Begun:
        if registry.by_id(registry.totp.id) is None:
            raise NotAllowed
        self.ensure_may_add(registry.totp)
        return enrollment.begin(self.request, self.owner, self.apps)

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Confirm the app by its first code. The recovery codes are made by the endpoint for them."""
        if self.device is not None:
            return api.ConflictResponse(request)
        try:
            enrolled = self._complete()
        except (NoRoom, NotAllowed) as refusal:
            return responses.conflict(request, refusal)
        except Refused as refusal:
            return responses.refused(request, refusal, "code")
        self.verify_session(enrolled)
        return api.APIResponse(request, data=authenticators.described(enrolled.device), meta={"recovery_codes_generated": False})

    @sensitive_variables("given")
    def _complete(self) -> enrollment.Enrolled:
        begun, given = self._begin(), self.input.cleaned_data
        if begun.is_new:
            # The client has not been shown this secret.
            raise EnrollmentEnded
        device = begun.device
        device.name = given["name"] or device.name
        enrolled = enrollment.complete(device, FirstCode(given["code"]), only_as_first=begun.only_as_first)
        manage.name(device, device.name)
        return enrolled

    def delete(self, _request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Remove the first app. Other devices stay."""
        return self.remove([self.device] if self.device else [])
