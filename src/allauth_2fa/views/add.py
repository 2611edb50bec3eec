"""Adding a further device, of any kind that is confirmed by a code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.forms import ValidationError
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse

from allauth_2fa.devices import enrollment, manage, sending
from allauth_2fa.exceptions import Refused
from allauth_2fa.factors import registry
from allauth_2fa.forms import AddDeviceForm, DeviceFactsForm
from allauth_2fa.state.session import session_state

from .challenge import described, resend, sent_notice
from .enrollment import AddingAnother, AddingPage, enrolled_by

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django_otp.models import Device

    from allauth_2fa.factors.base import Factor
    from allauth_2fa.state.store import ChallengeStore

PAGE = "two-factor-add"


class TwoFactorAdd(AddingAnother, AddingPage):
    """Adds a device of the factor in the address: what has to be filled in first, then its first code."""

    page = form_key = "add"
    form_class = AddDeviceForm
    notice: str = ""
    """What became of a code that was to be sent."""
    is_refused: bool = False
    """Whether the notice says that it was not sent."""

    def find_factor(self) -> Factor:
        """Return the factor in the address, if the user can add such devices on this page."""
        factor = registry.by_id(self.kwargs["factor"])
        if factor is None or factor.enroll_page != PAGE or factor not in manage.addable(self.get_form_user()):
            raise Http404
        return factor

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what has to be filled in, or what is to be scanned, or where the code was sent."""
        user = self.get_form_user()
        self.device = enrollment.another(request, user, self.factor)
        if self.device is None and not self.factor.asks:
            self.device = enrollment.begin_another(request, user, self.factor)
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Take what was filled in, send a code, begin again, or confirm the device by its first code."""
        self.device = enrollment.another(request, self.get_form_user(), self.factor)
        action = request.POST.get("action", "")
        if action == "begin" and self.factor.asks:
            return self.begin()
        if action == "replace":
            enrollment.forget_another(request, self.get_form_user())
            return HttpResponseRedirect(request.get_full_path())
        if self.device is None:
            # A second click on a button that has done its work, or a setup that another session has begun again.
            return HttpResponseRedirect(request.get_full_path() if self.stage else reverse("two-factor-overview"))
        if action == "send":
            return self.send()
        self.call(self.device)
        return super().post(request, *args, **kwargs)

    def begin(self) -> HttpResponse:
        """Create the device of what was filled in, and have it send its first code."""
        form = self.get_facts_form()
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(facts_form=form))
        try:
            self.device = enrollment.begin_another(self.request, self.get_form_user(), self.factor, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(self.factor.asks[0].name, ValidationError(refusal.message, code=refusal.code))
            return self.render_to_response(self.get_context_data(facts_form=form))
        return self.send()

    def send(self) -> HttpResponse:
        """Have the device send its code, and show the page with an empty field."""
        try:
            self.device = sending.send_waiting(self.device, self.get_store())
            self.notice = sent_notice(self.device)
        except Refused as refusal:
            self.notice, self.is_refused = refusal.message, True
        return self.render_to_response(self.get_context_data(form=self.get_empty_form()))

    def form_valid(self, form: Any) -> HttpResponse:
        """Name the device, and lead on."""
        device: Device | None = getattr(form, "device", None)
        if device is None or not device.confirmed or device.user_id != self.get_form_user().pk:
            return self.form_invalid(form)
        self.give_name(device)
        return self.finish(enrolled_by(form, device))

    def get_store(self) -> ChallengeStore:
        """Return where it is kept which code was sent: in the session that adds the device."""
        return session_state(self.request, self.get_form_user())

    def get_form_kwargs(self) -> dict[str, Any]:
        """Return Django's keyword arguments, the user, the request, and the device that waits for its first code."""
        return {**super().get_form_kwargs(), "request": self.request, "adding": self.device, "store": self.get_store()}

    def get_empty_form(self) -> Any:
        """Return the form with nothing in it, whatever was posted."""
        form_class: Any = self.get_form_class()
        return form_class(user=self.get_form_user(), request=self.request, adding=self.device, store=self.get_store())

    def get_facts_form(self) -> DeviceFactsForm:
        """Return the form for what has to be filled in, with what was."""
        data = self.request.POST if self.request.POST.get("action") == "begin" else None
        return DeviceFactsForm(self.get_form_user(), self.factor, data=data)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the factor, how far the setup has come, and what the page shows of it."""
        if self.device is None:
            kwargs = {"facts_form": self.get_facts_form(), "form": None, **kwargs}
        secret = self.get_secret_context() if self.factor.scanned and self.device is not None else {}
        shown = {
            "factor": self.factor,
            "device": self.device,
            "notice": self.notice,
            "is_refused": self.is_refused,
            "replaced": self.get_replaced(),
        }
        return {**super().get_context_data(**kwargs), **shown, **secret, **self.get_sent_context()}

    def get_sent_context(self) -> dict[str, Any]:
        """Return where the code goes, whether there is one to send, and when another one can be sent."""
        if self.device is None:
            return {"can_send": False, "detail": "", "is_sent": False, "resend": None}
        about = described(self.request, self.device, self.get_store())
        shown = {key: about[key] for key in ("detail", "is_sent")}
        return {"can_send": about["is_interactive"], "resend": resend(self.request, self.device), **shown}
