"""The view mixin of 0.x."""

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
    """Requires an authenticator app. Users without one are redirected to the setup, anonymous visitors to the login."""

    no_valid_totp_device_url: Any = reverse_lazy("two-factor-setup")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the view, or redirect."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if not self.has_valid_device(request.user):
            return self.handle_missing_totp_device()
        return self.admit(request) or super().dispatch(request, *args, **kwargs)  # type: ignore[misc]

    def has_valid_device(self, user: Any) -> bool:
        """Return whether the user has the device that the view requires."""
        return user_has_valid_totp_device(user)

    def admit(self, request: HttpRequest) -> HttpResponseBase | None:
        """Return a response for a user with a device, None to serve the view. Subclasses may override it."""
        return None

    def handle_missing_totp_device(self) -> HttpResponseBase:
        """Return the response for a user without a device."""
        return HttpResponseRedirect(self.no_valid_totp_device_url)
