"""Setup: an authenticator app is added by scanning a QR code and giving back its first code."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.sites.shortcuts import get_current_site
from django.forms import ValidationError
from django.http import HttpResponseRedirect
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe

from allauth_2fa import app_settings, utils
from allauth_2fa.exceptions import EnrollmentEnded, Refused
from allauth_2fa.factors import registry
from allauth_2fa.flows import enrollment
from allauth_2fa.forms import DeviceNameForm, TOTPDeviceForm

from .base import FormPage, ProofRequiredMixin, name_or_path, with_next

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

GROUP = 4
"""Characters of the secret between two gaps, for typing."""


class TwoFactorSetup(ProofRequiredMixin, FormPage):
    """Adds the first authenticator app; who has one is led on."""

    page = form_key = "setup"
    form_class = TOTPDeviceForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the page to those who have no second factor and have proved who they are."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if utils.user_has_valid_totp_device(request.user):
            return HttpResponseRedirect(self.get_success_url())
        # Who has a factor of another kind proves it before adding this one.
        has_other = len(registry.primaries()) > 1 and registry.has_primary(request.user)
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
        try:
            device = form.save()
        except Refused as refusal:
            return self.form_refused(form, refusal)
        name = self.get_name_form()
        if name.is_valid() and name.cleaned_data["name"]:
            enrollment.name(device, name.cleaned_data["name"])
        enrollment.welcome(self.request, self.get_form_user(), device)
        get_adapter().add_message(self.request, messages.SUCCESS, "allauth_2fa/messages/set_up.txt")
        return super().form_valid(form)

    def form_refused(self, form: Any, refusal: Refused) -> HttpResponse:
        """Show the page again with what went wrong, and judge nothing."""
        form.errors.clear()
        form.add_error("otp_token", ValidationError(refusal.message, code=refusal.code))
        return self.form_invalid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again, with the device that waits now if it is not the one that the code was for."""
        if form.has_error("otp_token", EnrollmentEnded.code):
            self.begin()
        return super().form_invalid(form)

    def get_name_form(self) -> DeviceNameForm:
        """Return the form that names the device, with what was typed into it."""
        return DeviceNameForm(self.request.POST if self.request.method == "POST" else None)

    def get_success_url(self) -> str:
        """Return where a finished setup leads, with the ``next`` that it was begun with."""
        return with_next(str(self.success_url or name_or_path(app_settings.SETUP_SUCCESS_URL)), self.request)

    def get_qr_code_kwargs(self) -> dict[str, str]:
        """Return what the app shows: ``issuer``, the site, and ``label``, the account, led by the issuer and a colon."""
        # Without django.contrib.sites the name is the host, with its port; apps split issuer and account at a colon.
        issuer = re.sub(r":\d+$", "", get_current_site(self.request).name).replace(":", "")
        return {"issuer": issuer, "label": f"{issuer}: {self.get_form_user().get_username()}"}

    def get_qr_code_data_uri(self) -> str:
        """Return the QR code as the ``src`` of an image, as templates of 0.x show it."""
        svg = utils.generate_totp_config_svg(device=self.device, **self.get_qr_code_kwargs())
        return f"data:image/svg+xml;base64,{b64encode(svg).decode('ascii')}"

    def get_qr_code_svg(self) -> str:
        """Return the QR code as an element of the page, which needs no leave of a content security policy."""
        return mark_safe(utils.inline_totp_config_svg(device=self.device, **self.get_qr_code_kwargs()))  # noqa: S308 - segno draws rectangles

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the secret in each shape; the pictures are drawn only if the template shows them."""
        secret = utils.get_device_base32_secret(self.device)
        return {
            **super().get_context_data(**kwargs),
            "name_form": self.get_name_form(),
            "qr_code_url": SimpleLazyObject(self.get_qr_code_data_uri),
            "qr_code_svg": SimpleLazyObject(self.get_qr_code_svg),
            "secret": secret,
            "secret_groups": [secret[at : at + GROUP] for at in range(0, len(secret), GROUP)],
            "otpauth_url": utils.otpauth_url(self.device, **self.get_qr_code_kwargs()),
        }
