"""Setup: an authenticator app is added by scanning a QR code and giving back its first code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import reverse

from allauth_2fa import app_settings, compat
from allauth_2fa.devices import enrollment, manage, staff
from allauth_2fa.exceptions import EnrollmentEnded, Refused
from allauth_2fa.factors import lookup, registry
from allauth_2fa.forms import TOTPDeviceForm
from allauth_2fa.sessions import ending
from allauth_2fa.state.request import ENROLLMENT_PAGE, SessionOutcome, request_state

from .base import name_or_path, with_next
from .devices import offered
from .enrollment import AddingPage, enrolled_by

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django_otp.plugins.otp_totp.models import TOTPDevice

    from allauth_2fa.devices.enrollment import Enrolled

OLD_HOOK = "_new_device"
"""The method by which 0.x made the device of this page."""


class SetupForAnotherMixin:
    """Lets a subclass set up an authenticator app for somebody else: for a new member of the staff, say."""

    request: HttpRequest
    owner: AbstractBaseUser | None = None
    """Whose device it is, None for the visitor's own."""

    def get_device_owner(self) -> AbstractBaseUser:
        """Return whose device is set up: the visitor's own. Override it, and :meth:`may_set_up_for`, to set one up for somebody else."""
        return self.request.user  # type: ignore[return-value]

    def may_set_up_for(self, owner: AbstractBaseUser) -> bool:
        """Return whether the visitor may set up a device for that user, who is somebody else. Nobody may, unless you say so."""
        return False

    def find_owner(self) -> None:
        """Find out whose device is set up.

        Raises:
            PermissionDenied: the visitor may not do it. Nobody but a superuser does it for a superuser, whatever a subclass says,
                and nobody does it for others who has yet to set up what the site requires of themselves.
        """
        owner, visitor = self.get_device_owner(), self.request.user
        if getattr(owner, "pk", None) == visitor.pk:
            return
        is_somebody = bool(getattr(owner, "pk", None) and owner.is_active)
        if request_state(self.request).outcome is SessionOutcome.OPEN or not (
            is_somebody and staff.may(visitor, owner) and self.may_set_up_for(owner)
        ):
            raise PermissionDenied
        self.owner = owner

    @classmethod
    def has_old_hook(cls) -> bool:
        """Return whether a subclass makes devices as with 0.x. It would go unheard, and the page would show another user's secret."""
        return getattr(cls, OLD_HOOK) is not getattr(SetupForAnotherMixin, OLD_HOOK)

    def refuse_old_hook(self) -> None:
        """Refuse what 0.x made devices by, whether a subclass overrides it or calls it.

        Raises:
            ImproperlyConfigured: always.
        """
        message = (
            f"{type(self).__module__}.{type(self).__qualname__} overrides or calls _new_device(), which makes no device any more. "
            "Take it away. To set up a device for another user, override get_device_owner() and may_set_up_for()."
        )
        raise ImproperlyConfigured(message)

    _new_device = refuse_old_hook


class TwoFactorSetup(SetupForAnotherMixin, AddingPage):
    """Adds the first authenticator app. Whoever has one is redirected."""

    page = form_key = "setup"
    form_class = TOTPDeviceForm
    apps: list[TOTPDevice]
    """The authenticator apps of whom the device is set up for, as they were when the request came."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the page to those who have no second factor and have proved who they are."""
        if self.has_old_hook():
            self.refuse_old_hook()
        if away := self.turn_away(request):
            return away
        if self.stage is None:
            self.find_owner()
        self.apps = enrollment.apps_of(self.get_form_user())
        if away := self.lead_on():
            return away
        try:
            return self.ask_for_proof(request, has_factor=self.has_to_answer()) or super().dispatch(request, *args, **kwargs)
        except EnrollmentEnded:
            # Another request was faster, as with a double click: the page is loaded again, and finds out where it stands.
            return HttpResponseRedirect(request.get_full_path())

    def lead_on(self) -> HttpResponseBase | None:
        """Return where to go instead if there is nothing to set up here, None to serve the page."""
        user = self.get_form_user()
        is_allowed = registry.by_id(registry.totp.id) is not None and manage.is_allowed(user, registry.totp)
        if self.stage is not None and not (is_allowed and self.is_wanted(registry.totp)):
            return HttpResponseRedirect(reverse(ENROLLMENT_PAGE))
        # For somebody else the first factor alone is set up: a further one would be a way past those that the owner has.
        if any(app.confirmed for app in self.apps) or (self.owner is not None and lookup.has_primary(user)):
            return HttpResponseRedirect(self.get_success_url())
        if not is_allowed:
            # The overview names what the user can add instead.
            return HttpResponseRedirect(with_next(reverse("two-factor-overview"), self.request))
        return None

    def has_to_answer(self) -> bool:
        """Return whether the visitor has a factor, which they prove before adding this device: one of another kind, if it is their own."""
        is_possible = self.owner is not None or len(registry.primaries()) > 1
        return self.stage is None and is_possible and lookup.has_primary(cast("AbstractBaseUser", self.request.user))

    def get_form_user(self) -> AbstractBaseUser:
        """Return whose device is set up."""
        return super().get_form_user() if self.owner is None else self.owner

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, which knows the device, who sets it up if it is somebody else's, and whether it has to be the first."""
        form = super().get_form(form_class)
        form.waiting, form.only_as_first = self.begun.device, self.begun.only_as_first
        form.actor = None if self.owner is None else self.request.user
        return form

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the QR code that waits to be used."""
        self.begin()
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Confirm the device by its first code, or make another secret on request."""
        if request.POST.get("action") == "replace":
            self.begin(new_secret=True)
            return HttpResponseRedirect(request.get_full_path())
        self.begin()
        if self.begun.is_new:
            return self.form_refused(self.get_form(), EnrollmentEnded())
        return super().post(request, *args, **kwargs)

    def begin(self, *, new_secret: bool = False) -> None:
        """Find the waiting device, or make one."""
        self.begun = enrollment.begin(self.request, self.get_form_user(), self.apps, new_secret=new_secret)
        self.device = self.begun.device

    def form_valid(self, form: Any) -> HttpResponse:
        """Confirm the device, and make the session a verified one."""
        self.call(form.device)
        try:
            device = form.save()
        except Refused as refusal:
            return self.form_refused(form, refusal)
        self.give_name(device)
        enrolled = enrolled_by(form, device)
        if self.owner is not None:
            return self.hand_over(self.owner, enrolled)
        get_adapter().add_message(self.request, messages.SUCCESS, "allauth_2fa/messages/set_up.txt")
        if self.stage is not None:
            return self.go_on(enrolled, self.get_success_url())
        enrollment.verify_session(self.request, self.get_form_user(), enrolled)
        return super().form_valid(form)

    def hand_over(self, owner: AbstractBaseUser, enrolled: Enrolled) -> HttpResponse:
        """Leave the device to its owner. It verifies nothing here: the session is the visitor's."""
        enrollment.forget_shown(self.request, self.get_form_user())
        actor = cast("AbstractBaseUser", self.request.user)
        ending.end_all(owner, "enrollment", request=self.request, actor=actor, before=enrolled.sessions_ended)
        context = {"account": compat.user_display(owner)}
        get_adapter().add_message(self.request, messages.SUCCESS, "allauth_2fa/messages/set_up_for.txt", context)
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again, with the device that waits now if it is not the one that the code was for."""
        if form.has_error("otp_token", EnrollmentEnded.code):
            self.apps = enrollment.apps_of(self.get_form_user())
            self.begin()
        return super().form_invalid(form)

    def get_success_url(self) -> str:
        """Return where a finished setup leads, with the ``next`` that it was begun with."""
        # The page of recovery codes is the visitor's own.
        usual = app_settings.SETUP_SUCCESS_URL if self.owner is None else "two-factor-overview"
        return with_next(str(self.success_url or name_or_path(usual)), self.request)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the secret in each shape, the forms, and which other devices can be set up instead."""
        # A login that waits here comes from a page that shows the choice, and the other pages add devices of the visitor's own.
        has_choice = self.stage is None and self.owner is None
        others = [factor for factor in manage.addable(self.get_form_user()) if factor is not registry.totp] if has_choice else []
        shown = {
            "others": [offered(factor) for factor in others],
            "passkey": next((offered(factor) for factor in others if factor.enroll_page == "two-factor-add-passkey"), None),
            "is_for_another": self.owner is not None,
        }
        return {**super().get_context_data(**kwargs), **self.get_secret_context(), **shown}
