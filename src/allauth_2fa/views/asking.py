"""What the pages share that ask for a second factor: the devices on offer, and the code that some of them send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from allauth_2fa.exceptions import Refused
from allauth_2fa.factors import registry
from allauth_2fa.flows import answers, devices, sending

from .base import FormPage

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from django.http import HttpRequest, HttpResponse


class AskingPage(FormPage):
    """A page that asks for a second factor."""

    notice: str = ""
    """What became of a code that was to be sent."""

    def get_place(self) -> MutableMapping[str, Any]:
        """Return where it is kept which code was sent for this question: a code counts only where it was asked for."""
        return self.request.session

    def keep_place(self) -> None:
        """See to it that the place is kept beyond this request."""

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, and keep it at hand with the devices that it offers."""
        form = super().get_form(form_class)
        form.place = self.get_place()
        self.devices = form.devices if hasattr(form, "devices") else answers.offers(self.get_form_user())
        return form

    def get_initial(self) -> dict[str, Any]:
        """Return the device that was just asked to send its code."""
        return {**super().get_initial(), "device": self.request.POST.get("device", "")}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Judge the answer, or have a code sent."""
        return self.send() if request.POST.get("action") == "send" else super().post(request, *args, **kwargs)

    def send(self) -> HttpResponse:
        """Have the chosen device send its code, and show the page again with an empty field."""
        user = self.get_form_user()
        form_class: Any = self.get_form_class()
        form = form_class(user=user, initial=self.get_initial())
        self.devices = form.devices if hasattr(form, "devices") else answers.offers(user)
        first = self.devices[0].persistent_id if self.devices else ""
        try:
            device = sending.send(user, self.request.POST.get("device") or first, self.get_place())
        except Refused as refusal:
            self.notice = refusal.message
        else:
            self.keep_place()
            self.notice = sent_notice(device)
        return self.render_to_response(self.get_context_data(form=form))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the devices that are asked for, and whether one of them can send a code."""
        context = super().get_context_data(**kwargs)
        offered = [described(device) for device in self.devices]
        return {**context, "devices": offered, "can_send": any(device["is_interactive"] for device in offered), "notice": self.notice}


def described(device: Any) -> dict[str, Any]:
    """Return what a page that asks for a device says of it."""
    return {**devices.described(device), "is_interactive": sending.sends(device)}


def sent_notice(device: Any, detail: str = "") -> str:
    """Return what a page says when a code is on its way."""
    return _("A code is on its way to %(device)s. Enter it below.") % {"device": detail or device.name or device_label(device)}


def device_label(device: Any) -> Any:
    """Return what a device is called that its user has given no name."""
    factor = registry.factor_of(device)
    return factor.label if factor else device.name
