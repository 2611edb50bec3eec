"""0.x's requirement of a second factor, as a middleware to derive from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext_lazy

from allauth_2fa import app_settings, responses, routes
from allauth_2fa.requirement import policy
from allauth_2fa.sessions import verified
from allauth_2fa.state.request import request_state

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class BaseRequire2FAMiddleware(MiddlewareMixin):
    """Keeps users without a second factor on the pages that set one up. Subclass it, and say of whom it is required."""

    allowed_pages: ClassVar[list[str]] = ["account_change_password", "account_logout", "account_reset_password", "two-factor-setup"]
    """Names of URLs that stay open, with their namespaces (``shop:help``)."""

    require_2fa_message: Any = gettext_lazy("You need to set up two-factor authentication before you can continue.")
    """The message for a user who is led to the setup."""

    needed_pages: ClassVar[frozenset[str]] = frozenset(
        {
            *("account_logout", "account_reauthenticate", "mfa_index"),
            *("two-factor-setup", "two-factor-reauthenticate", "two-factor-authenticate", "two-factor-enroll"),
            *("two-factor-overview", "two-factor-add", "two-factor-add-passkey", "two-factor-backup-tokens"),
        }
    )
    """Names of URLs without which the setup cannot be reached or left. They are open whatever a subclass allows."""

    def on_require_2fa(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response to a user who must set up a second factor first."""
        if "django.contrib.messages" in settings.INSTALLED_APPS:
            responses.message_once(request, self.require_2fa_message)
        # Whoever has an app and needs another factor does not need the page that sets an app up.
        page = responses.enrollment_url(request_state(request).requirement) if app_settings.REQUIRED_FACTORS else "two-factor-setup"
        return redirect(page)

    def is_allowed_page(self, request: HttpRequest) -> bool:
        """Return whether the page stays open. The name counts with its namespace."""
        match = request.resolver_match
        return match is not None and match.view_name in self.allowed_pages

    def require_2fa(self, request: HttpRequest) -> bool:
        """Return whether this request has to come from a user with a second factor."""
        message = f"{type(self).__name__} must say in require_2fa() of whom a second factor is required."
        raise NotImplementedError(message)

    @routes.naming_missing()
    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        """Lead users who lack the second factor to the setup."""
        if request.user.is_anonymous or not self.require_2fa(request):
            return None
        match = request.resolver_match
        if self.is_allowed_page(request) or (match is not None and match.view_name in self.needed_pages):
            return None
        requirement = policy.requirement_of(request.user, required=True)
        # A project's has_2fa_enabled() may not count a device that is there.
        if not requirement.is_due and (requirement.status != "satisfied" or verified.needs_challenge(request.user)):
            return None
        request_state(request).requirement = requirement
        return self.on_require_2fa(request)
