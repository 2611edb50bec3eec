"""View mixins: those of 0.x, and step-up for classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.mixins import AccessMixin
from django.http import HttpResponseRedirect
from django.urls import reverse_lazy

from .utils import user_has_valid_totp_device

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class ValidTOTPDeviceRequiredMixin(AccessMixin):
    """Serves a view to users who have an authenticator app; others are led to the setup, anonymous ones to the login."""

    no_valid_totp_device_url: Any = reverse_lazy("two-factor-setup")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the view, or lead elsewhere."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if not self.has_valid_device(request.user):
            return self.handle_missing_totp_device()
        return self.admit(request) or super().dispatch(request, *args, **kwargs)  # type: ignore[misc]

    def has_valid_device(self, user: Any) -> bool:
        """Return whether the user has what the view demands."""
        return user_has_valid_totp_device(user)

    def admit(self, request: HttpRequest) -> HttpResponseBase | None:
        """Return where a user with a device has to go first, None to serve the view."""
        return None

    def handle_missing_totp_device(self) -> HttpResponseBase:
        """Return where a user without a device is led."""
        return HttpResponseRedirect(self.no_valid_totp_device_url)
