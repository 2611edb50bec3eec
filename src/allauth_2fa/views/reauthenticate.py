"""Reauthentication: the second factor, asked in the middle of a session, before something is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.mixins import LoginRequiredMixin

from allauth_2fa import compat
from allauth_2fa.devices import recovery_codes
from allauth_2fa.forms import TOTPAuthenticateForm
from allauth_2fa.login import reauthentication

from . import announcements
from .challenge import AskingPage

if TYPE_CHECKING:
    from django.http import HttpResponse


class TwoFactorReauthenticate(LoginRequiredMixin, AskingPage, compat.BaseReauthenticateView):
    """Confirms by the second factor that it is still the user who is there, and resumes what was interrupted."""

    page = form_key = "reauthenticate"
    form_class = TOTPAuthenticateForm

    def form_valid(self, form: Any) -> HttpResponse:
        """Record the proof, bind the session to the device under a new key, and go back to what was interrupted."""
        user, device = self.get_form_user(), getattr(form, "device", None)
        if device is None or device.user_id != user.pk or not device.confirmed:
            return self.form_invalid(form)
        reauthentication.complete(self.request, user, device)
        if recovery_codes.is_recovery(device):
            announcements.tell_code_used(self.request, user, device)
        return super().form_valid(form)
