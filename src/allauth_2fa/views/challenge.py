"""What pages that ask for a second factor share: the devices on offer, the code that some of them send, the passkeys."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from django.http import JsonResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from allauth_2fa.answers import verify
from allauth_2fa.budget import stored
from allauth_2fa.devices import manage, passkeys, sending
from allauth_2fa.exceptions import NotAllowed, Refused, clock_time, wait_until
from allauth_2fa.state.session import SessionState

from .base import FormPage

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from allauth_2fa.state.store import ChallengeStore


class AskingPage(FormPage):
    """A page that asks for a second factor."""

    notice: str = ""
    """What became of a code that was to be sent."""
    is_refused: bool = False
    """Whether the notice says that it was not sent."""
    passkey_error: str = ""
    """Why the answer of a passkey was refused."""
    sent: Any = None
    """The device that has just sent a code, as it is now."""

    def get_store(self) -> ChallengeStore:
        """Return the store of this challenge. A code that was sent counts only for the challenge that asked for it."""
        return SessionState(self.request.session, self.get_form_user())

    def keep_store(self) -> None:
        """Save the store beyond this request, if it does not save itself."""

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, and keep it at hand with the devices that it offers."""
        form = super().get_form(form_class)
        form.store = self.get_store()
        self.devices = form.devices if hasattr(form, "devices") else verify.offers(self.get_form_user())
        return form

    def get_initial(self) -> dict[str, Any]:
        """Return the device that was just asked to send its code."""
        return {**super().get_initial(), "device": self.request.POST.get("device", "")}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Judge the answer, have a code sent, or put a question to the passkeys."""
        if request.POST.get("action") == "passkey":
            return self.ask_passkey()
        return self.send() if request.POST.get("action") == "send" else super().post(request, *args, **kwargs)

    def ask_passkey(self) -> HttpResponse:
        """Return the options with which the page's script asks the browser for a passkey."""
        try:
            options = passkeys.ask(self.request, self.get_form_user(), self.get_store())
        except Refused as refusal:
            return JsonResponse({"error": refusal.message, "code": refusal.code}, status=409)
        self.keep_store()
        return JsonResponse(options)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again with what is wrong: at the field, or at the button if a passkey has answered."""
        if not passkeys.recognizes(self.request.POST.get("otp_token", "")):
            return super().form_invalid(form)
        # The question that it has answered is used up.
        self.keep_store()
        self.passkey_error = " ".join(form.non_field_errors())
        return self.render_to_response(self.get_context_data(form=self.get_empty_form()))

    def get_empty_form(self) -> Any:
        """Return the form with nothing in it, whatever was posted, and keep the devices that it offers at hand."""
        form_class: Any = self.get_form_class()
        form = form_class(user=self.get_form_user(), initial=self.get_initial())
        self.devices = form.devices if hasattr(form, "devices") else verify.offers(self.get_form_user())
        return form

    def send(self) -> HttpResponse:
        """Have the chosen device send its code, and show the page again with an empty field."""
        user, form = self.get_form_user(), self.get_empty_form()
        first = next((device.persistent_id for device in verify.typed(self.devices)), "")
        try:
            self.sent = sending.send(self.request, user, self.request.POST.get("device") or first, self.get_store())
        except Refused as refusal:
            self.notice, self.is_refused = refusal.message, True
        else:
            self.keep_store()
            self.notice = sent_notice(self.sent)
        return self.render_to_response(self.get_context_data(form=form))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the devices that are asked for a code, the one that is, when another code can be sent, and the passkeys."""
        context = super().get_context_data(**kwargs)
        typed = verify.typed(self.devices)
        shown = [self.sent if device == self.sent else device for device in typed]
        offered = [described(self.request, device, self.get_store()) for device in shown]
        chosen = self.request.POST.get("device")
        asked = next((device for device in offered if device["id"] == chosen), offered[0] if offered else None)
        return {
            **context,
            "devices": offered,
            "asked": asked,
            "can_send": any(device["is_interactive"] for device in offered),
            "notice": self.notice or self.get_lock_notice() or self.get_obstacle(),
            "is_refused": self.is_refused or not self.notice,
            "resend": resend(self.request, shown[offered.index(asked)]) if asked else None,
            "passkeys": [described(self.request, device) for device in self.devices if device not in typed],
            "passkey_error": self.passkey_error,
        }

    def get_lock_notice(self) -> str:
        """Return what the page says while no code is accepted: how long that lasts, or what ends it."""
        if self.request.method != "GET" or not self.devices:
            return ""
        refusal = stored.budget_of(self.get_form_user(), self.request, self.devices).refusal()
        return refusal.message if refusal else ""

    def get_obstacle(self) -> str:
        """Return why none of the devices may answer, empty if they may: they are offered all the same where there is no other."""
        try:
            for device in self.devices[:1]:
                manage.ensure_allowed(self.get_form_user(), device)
        except NotAllowed as refusal:
            return refusal.message
        return ""


def described(request: HttpRequest, device: Any, store: ChallengeStore | None = None) -> dict[str, Any]:
    """Return what a page that asks for a device says of it."""
    return {
        **manage.described(device),
        "called": manage.called(device),
        "digits": getattr(device, "digits", None),
        "is_interactive": sending.sends(device),
        "is_sent": store is not None and sending.is_noted(device, store),
        # It takes a query, and most pages ask for that of one device alone.
        "resend": SimpleLazyObject(partial(resend, request, device)),
    }


def resend(request: HttpRequest, device: Any) -> dict[str, Any] | None:
    """Return when the device can send another code, None if that is now: ``at``, the ``seconds`` until then, and both in words."""
    at = sending.next_at(request, device)
    if at is None:
        return None
    return {"at": at, "seconds": math.ceil((at - timezone.now()).total_seconds()), "wait": wait_until(at), "time": clock_time(at)}


def sent_notice(device: Any) -> str:
    """Return what a page says when a code is on its way."""
    return _("We sent a code to %(device)s. Enter it below.") % {"device": manage.called(device)}
