"""What protects this account: the overview, and what can be done with one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.views.generic import TemplateView, View

from allauth_2fa import app_settings
from allauth_2fa.audit import log
from allauth_2fa.devices import manage, passkeys, recovery_codes
from allauth_2fa.exceptions import NothingEnrolled, StillRequired
from allauth_2fa.factors import lookup, registry
from allauth_2fa.forms import RenameForm
from allauth_2fa.requirement import policy

from . import browsers
from .base import FormPage, Page, ProofRequiredMixin
from .events import described as described_events

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from allauth_2fa.factors.base import Factor

LAST_EVENTS = 5
"""Events that the overview shows; the page of events shows all."""


class TwoFactorOverview(LoginRequiredMixin, Page, TemplateView):
    """Shows the user's devices and recovery codes, and leads to every change of them."""

    page = "overview"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the devices, what can be added, how many recovery codes are left, and what happened last.

        That is one query a factor, and two; trusted browsers cost two more, where there may be any.
        """
        user: AbstractBaseUser = self.request.user  # type: ignore[assignment]
        held = [_listed(device) for device in lookup.primary_devices(user)]
        left = recovery_codes.left(user) if held else 0
        return {
            **super().get_context_data(**kwargs),
            "devices": held,
            "addable": [offered(factor) for factor in manage.addable(user)] if len(held) < app_settings.MAX_DEVICES else [],
            "most_devices": app_settings.MAX_DEVICES,
            "codes_left": left,
            "few_codes": bool(held) and recovery_codes.are_few(left),
            **browsers.listed(self.request),
            "events": list(described_events(log.recent(user, LAST_EVENTS))),
            "must_keep": policy.is_held(user),
            "last_login": getattr(user, "last_login", None),
        }


def _listed(device: Any) -> dict[str, Any]:
    """Return what the overview says of a device, and where it can be replaced by another one of its kind."""
    factor = registry.factor_of(device)
    url = add_url(factor) if factor and factor.enroll_page else ""
    return {**manage.described(device), "replace_url": f"{url}?replaces={device.persistent_id}" if url else ""}


def offered(factor: Factor) -> dict[str, Any]:
    """Return what pages say of a factor of which a device can be added."""
    return {"label": factor.label, "intro": factor.intro, "icon": factor.icon, "weaker": factor.weaker, "url": add_url(factor)}


def add_url(factor: Factor) -> str:
    """Return the page on which a device of the factor is added."""
    return reverse(factor.enroll_page, args=[factor.id] if factor.enroll_page == "two-factor-add" else [])


class DevicePage(ProofRequiredMixin):
    """A page about one confirmed device of the visitor's, whose django-otp id stands in the address."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the page to the owner of the device, once they have proved who they are."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        try:
            self.device = manage.find(request.user, kwargs["device"])
        except NothingEnrolled:
            raise Http404 from None
        return self.ask_for_proof(request, has_factor=True) or super().dispatch(request, *args, **kwargs)  # type: ignore[misc]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the page says of the device."""
        return {**super().get_context_data(**kwargs), "device": manage.described(self.device)}  # type: ignore[misc]


class TwoFactorRename(DevicePage, FormPage):
    """Gives a device another name."""

    page = form_key = "rename"
    form_class = RenameForm
    success_url = reverse_lazy("two-factor-overview")

    def get_initial(self) -> dict[str, Any]:
        """Return the name that the device has."""
        return {**super().get_initial(), "name": self.device.name}

    def form_valid(self, form: Any) -> HttpResponse:
        """Name the device."""
        manage.rename(self.device, form.cleaned_data["name"])
        return super().form_valid(form)


class TwoFactorPrefer(LoginRequiredMixin, View):
    """Lets the user be asked for a device first, or for the last used one again."""

    http_method_names = ["post", "options"]
    _for_owners = True

    def post(self, request: HttpRequest, device: str) -> HttpResponse:
        """Prefer the device, or prefer none if it was preferred."""
        user: AbstractBaseUser = request.user  # type: ignore[assignment]
        try:
            chosen = manage.find(user, device)
        except NothingEnrolled:
            raise Http404 from None
        if request.POST.get("action") == "forget":
            manage.forget_preference(user)
        else:
            manage.prefer(chosen)
        return HttpResponseRedirect(reverse("two-factor-overview"))


class TwoFactorRemoveDevice(DevicePage, Page, TemplateView):
    """Removes one device of several. To remove the last one is to turn the second factor off, which has its own page."""

    page = "remove_device"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Remove the device, or lead to the page that turns the second factor off."""
        context = {"device": manage.described(self.device)}
        try:
            is_gone = manage.remove(self.device)
        except StillRequired as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("two-factor-overview"))
        if not is_gone:
            return HttpResponseRedirect(reverse("two-factor-remove"))
        passkeys.note_change(request)
        get_adapter().add_message(request, messages.SUCCESS, "allauth_2fa/messages/device_removed.txt", context)
        return HttpResponseRedirect(reverse("two-factor-overview"))
