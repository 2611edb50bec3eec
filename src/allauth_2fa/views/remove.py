"""Removal: the second factor is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse

from allauth_2fa import app_settings
from allauth_2fa.devices import passkeys, turn_off
from allauth_2fa.exceptions import StillRequired
from allauth_2fa.forms import TOTPDeviceRemoveForm
from allauth_2fa.requirement import policy

from .base import FactorRequiredMixin, ProofRequiredMixin, name_or_path
from .challenge import AskingPage

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


class TwoFactorRemove(ProofRequiredMixin, FactorRequiredMixin, AskingPage):
    """Takes the second factor away, for a code or a fresh proof."""

    page = form_key = "remove"
    form_class = TOTPDeviceRemoveForm

    def admit(self, request: HttpRequest) -> HttpResponseBase | None:
        """Refuse where the site requires a second factor; ask for a fresh proof, unless the form itself asks for a code."""
        if policy.is_held(request.user):  # type: ignore[arg-type]
            messages.error(request, StillRequired().message)
            return HttpResponseRedirect(reverse("two-factor-overview"))
        if app_settings.REQUIRE_OTP_ON_DEVICE_REMOVAL and issubclass(self.get_form_class(), TOTPDeviceRemoveForm):
            return None
        return self.ask_for_proof(request, has_factor=True)

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove the second factor, if the form has accepted an answer or the session has authenticated recently."""
        if getattr(form, "device", None) is None and (ask := self.ask_for_proof(self.request, has_factor=True)):
            return cast("HttpResponse", ask)
        form.save()
        # A form of the project's own may have taken it away in its own way.
        turn_off.keep_session(self.request, self.get_form_user(), getattr(form, "sessions_ended", None))
        passkeys.note_change(self.request)
        get_adapter().add_message(self.request, messages.SUCCESS, "allauth_2fa/messages/removed.txt")
        return super().form_valid(form)

    def get_success_url(self) -> str:
        """Return where a finished removal leads."""
        return str(self.success_url or name_or_path(app_settings.REMOVE_SUCCESS_URL))
