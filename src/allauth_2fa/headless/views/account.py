"""What the endpoints share at which users see and change their own authenticators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth_2fa import app_settings, compat
from allauth_2fa.devices import enrollment, manage, passkeys, turn_off
from allauth_2fa.exceptions import NotAllowed, StillRequired
from allauth_2fa.factors import lookup
from allauth_2fa.headless import compat as api
from allauth_2fa.headless import responses
from allauth_2fa.login import verdict
from allauth_2fa.sessions import reauthentication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django_otp.models import Device

    from allauth_2fa.devices.enrollment import Enrolled
    from allauth_2fa.factors.base import Factor


class AccountView(api.AuthenticatedView):
    """Serves the owner of the account. ``allauth.mfa`` serves those who have only its authenticators."""

    mfa_view: ClassVar[str]
    """The name of ``allauth.mfa``'s view for this endpoint."""
    mfa_type: ClassVar[str]
    """What ``allauth.mfa`` calls the authenticators of this endpoint."""
    input: Any

    @property
    def owner(self) -> AbstractBaseUser:
        """The user who is logged in."""
        user: AbstractBaseUser = self.request.user
        return user

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Let the owner read or change something, who has authenticated recently if that is needed."""
        if verdict.is_impersonated(request):
            return responses.impersonated(request)
        self.has_factor = lookup.has_primary(self.owner)
        self.has_mfa = compat.mfa_enabled_for(self.owner)
        if api.mfa_supports(self.mfa_type) and self.is_left_to_mfa():
            return self.leave_to_mfa(self.mfa_view, request, *args, **kwargs)
        if self.needs_proof() and not self.has_proof():
            return api.ReauthenticationResponse(request)
        return super().handle(request, *args, **kwargs)

    def is_left_to_mfa(self) -> bool:
        """Return whether ``allauth.mfa``, which supports such authenticators, serves this user: whoever has none but its own."""
        return self.has_mfa and not self.has_factor

    def needs_proof(self) -> bool:
        """Return whether the user must have authenticated recently."""
        return True

    def has_proof(self) -> bool:
        """Return whether the user has authenticated recently, as for the same change on a page.

        The page that takes the second factor away asks for a code. Here the user answers in the session, and not at the login.
        """
        if self.request.method == "DELETE" and app_settings.REQUIRE_OTP_ON_DEVICE_REMOVAL and not api.has_reauthenticated(self.request):
            return False
        return reauthentication.is_fresh(self.request, self.owner, has_factor=self.has_factor or self.has_mfa)

    def ensure_may_add(self, factor: Factor) -> None:
        """Check that the user may add a device of the factor.

        Raises:
            NotAllowed: the project does not permit it.
            NoRoom: the user holds as many devices as there may be.
        """
        if not manage.is_allowed(self.owner, factor):
            raise NotAllowed
        manage.ensure_room(self.owner.pk)

    def verify_session(self, enrolled: Enrolled) -> None:
        """Make the session that has added the device a verified one. The answer hands out its new tokens."""
        enrollment.verify_session(self.request, self.owner, enrolled)
        api.hand_out_tokens(self.request)

    def remove(self, those: Sequence[Device]) -> HttpResponse:
        """Remove the devices, all or none of them, and return the response."""
        try:
            sessions_ended = turn_off.remove(self.owner, those)
        except StillRequired as refusal:
            return responses.conflict(self.request, refusal)
        if sessions_ended is not None:
            turn_off.keep_session(self.request, self.owner, sessions_ended)
            api.hand_out_tokens(self.request)
        passkeys.note_change(self.request)
        return api.APIResponse(self.request)
