"""Setup: an authenticator app is added by scanning a QR code and giving back its first code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse

from allauth_2fa import app_settings, utils
from allauth_2fa.exceptions import EnrollmentEnded, Refused
from allauth_2fa.factors import registry
from allauth_2fa.flows import challenge, devices, enrollment
from allauth_2fa.forms import TOTPDeviceForm

from .adding import AddingPage
from .base import name_or_path, with_next
from .devices import offered

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


class TwoFactorSetup(AddingPage):
    """Adds the first authenticator app; who has one is led on."""

    page = form_key = "setup"
    form_class = TOTPDeviceForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the page to those who have no second factor and have proved who they are."""
        if away := self.turn_away(request):
            return away
        user = self.get_form_user()
        is_allowed = registry.by_id(registry.totp.id) is not None and devices.is_allowed(user, registry.totp)
        if self.stage is not None and not (is_allowed and self.is_wanted(registry.totp)):
            return HttpResponseRedirect(reverse(challenge.ENROLLMENT_PAGE))
        if utils.user_has_valid_totp_device(user):
            return HttpResponseRedirect(self.get_success_url())
        if not is_allowed:
            # The overview names what the user can add instead.
            return HttpResponseRedirect(with_next(reverse("two-factor-overview"), request))
        # Who has a factor of another kind proves it before adding this one.
        has_other = self.stage is None and len(registry.primaries()) > 1 and registry.has_primary(user)
        try:
            return self.ask_for_proof(request, has_factor=has_other) or super().dispatch(request, *args, **kwargs)
        except EnrollmentEnded:
            # Another request was faster, as with a double click: the page is loaded anew, and finds out where it stands.
            return HttpResponseRedirect(request.get_full_path())

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the QR code that waits to be used."""
        self.begin()
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Confirm the device by its first code, or make another secret on request."""
        if request.POST.get("action") == "replace":
            self.begin(anew=True)
            return HttpResponseRedirect(request.get_full_path())
        if self.begin():
            return self.form_refused(self.get_form(), EnrollmentEnded())
        return super().post(request, *args, **kwargs)

    def begin(self, *, anew: bool = False) -> bool:
        """Take up the waiting device, and tell whether its secret is one that the visitor has not seen yet."""
        self.device, is_new = enrollment.begin(self.request, self.get_form_user(), anew=anew)
        return is_new

    def form_valid(self, form: Any) -> HttpResponse:
        """Confirm the device, and make the session a verified one."""
        enrollment.only_as_first(self.request, self.get_form_user(), form.device)
        self.call(form.device)
        try:
            device = form.save()
        except Refused as refusal:
            return self.form_refused(form, refusal)
        self.give_name(device)
        get_adapter().add_message(self.request, messages.SUCCESS, "allauth_2fa/messages/set_up.txt")
        if self.stage is not None:
            return self.go_on(device, self.get_success_url())
        enrollment.welcome(self.request, self.get_form_user(), device)
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again, with the device that waits now if it is not the one that the code was for."""
        if form.has_error("otp_token", EnrollmentEnded.code):
            self.begin()
        return super().form_invalid(form)

    def get_success_url(self) -> str:
        """Return where a finished setup leads, with the ``next`` that it was begun with."""
        return with_next(str(self.success_url or name_or_path(app_settings.SETUP_SUCCESS_URL)), self.request)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the secret in each shape, the forms, and which other devices can be set up instead."""
        # A login that waits here comes from a page that shows the choice.
        others = [factor for factor in devices.addable(self.get_form_user()) if factor is not registry.totp] if self.stage is None else []
        shown = {"others": [offered(factor) for factor in others]}
        return {**super().get_context_data(**kwargs), **self.get_secret_context(), **shown}
