"""What the pages share that ask for a second factor: the one way that they ask for, the others, and what keeps codes from being judged."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from django.http import JsonResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allauth_2fa.answers import verify
from allauth_2fa.budget import stored
from allauth_2fa.devices import manage, passkeys, sending
from allauth_2fa.exceptions import Locked, NotAllowed, NotYet, Refused, Throttled, TooSoon, clock_time, wait_until
from allauth_2fa.factors import registry
from allauth_2fa.state.session import SessionState

from . import ways
from .base import FormPage

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from allauth_2fa.state.store import ChallengeStore

LABELS = {ways.RECOVERY_CODE: gettext_lazy("Recovery code"), ways.SEQUENCE: gettext_lazy("Three codes in a row")}
"""What the field is called where it is not for the one code of a device."""


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
    way: str = ""
    """What the visitor has chosen to answer with beside a device: one of :data:`.ways.KINDS`, empty for none."""

    def get_store(self) -> ChallengeStore:
        """Return the store of this challenge. A code that was sent counts only for the challenge that asked for it."""
        return SessionState(self.request.session, self.get_form_user())

    def keep_store(self) -> None:
        """Save the store beyond this request, if it does not save itself."""

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, and keep it at hand with the devices that it offers."""
        form = super().get_form(form_class)
        form.store = self.get_store()
        return self.prepared(form)

    def prepared(self, form: Any) -> Any:
        """Keep the devices at hand that the form offers, and let its field say what is asked for."""
        self.devices = form.devices if hasattr(form, "devices") else verify.offers(self.get_form_user())
        field = form.fields.get("otp_token")
        if field is not None and self.way in LABELS:
            field.label = LABELS[self.way]
        if field is not None and self.is_chosen():
            field.widget.attrs["autofocus"] = True
        return form

    def is_chosen(self) -> bool:
        """Return whether the visitor has chosen a way, and not to use a passkey, which has a button of its own."""
        return self.way != ways.PASSKEY and self.request.POST.get("action") in {"use", "send"}

    def get_initial(self) -> dict[str, Any]:
        """Return the device that was just asked to send its code."""
        return {**super().get_initial(), "device": self.request.POST.get("device", "")}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Judge the answer, ask in the way that was chosen, have a code sent, or put a question to the passkeys."""
        way = request.POST.get("way", "")
        self.way = way if way in ways.KINDS else ""
        actions = {"passkey": self.ask_passkey, "send": self.send, "use": self.use}
        act = actions.get(request.POST.get("action", ""))
        return act() if act else super().post(request, *args, **kwargs)

    def use(self) -> HttpResponse:
        """Show the page again, which asks in the way that was chosen. Nothing is judged."""
        return self.render_to_response(self.get_context_data(form=self.get_empty_form()))

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
        return self.prepared(form_class(user=self.get_form_user(), initial=self.get_initial()))

    def send(self) -> HttpResponse:
        """Have the chosen device send its code, and show the page again with an empty field."""
        user, form = self.get_form_user(), self.get_empty_form()
        first = next((device.persistent_id for device in verify.typed(self.devices)), "")
        try:
            self.sent = sending.send(self.request, user, self.request.POST.get("device") or first, self.get_store())
        except TooSoon as refusal:
            # Below the button it says when the next code can be sent, if that is known.
            self.notice, self.is_refused = "" if refusal.until else refusal.message, True
        except Refused as refusal:
            self.notice, self.is_refused = refusal.message, True
        else:
            self.keep_store()
            self.notice = sent_notice(self.sent)
        return self.render_to_response(self.get_context_data(form=form))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the way that is asked for, what keeps codes from being judged, and the other ways."""
        context = super().get_context_data(**kwargs)
        typed = verify.typed(self.devices)
        shown = [self.sent if device == self.sent else device for device in typed]
        offered = [described(self.request, device, self.get_store()) for device in shown]
        chosen = self.request.POST.get("device")
        first = next((device for device in offered if device["id"] == chosen), offered[0] if offered else None)
        asked = None if self.way == ways.RECOVERY_CODE else first
        return {
            **context,
            "devices": offered,
            "asked": asked,
            "can_send": bool(asked and asked["is_interactive"]),
            "resend": resend(self.request, shown[offered.index(asked)]) if asked else None,
            "passkey_error": self.passkey_error,
            "way": self.way,
            **self.get_obstacles(context["form"]),
        }

    def get_obstacles(self, form: Any) -> dict[str, Any]:
        """Return what keeps codes from being judged now, and until when; and what became of a code that was to be sent."""
        refusal = self.get_refusal(form)
        standing = "" if refusal is None or form.is_bound else refusal.message
        return {
            "notice": self.notice or standing or self.get_obstacle(),
            "is_refused": self.is_refused or not self.notice,
            "lock": str(refusal.what) if isinstance(refusal, Locked) and not self.way else "",
            "wait": waiting(refusal.until) if isinstance(refusal, Throttled) and refusal.until else None,
        }

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """Show the page, with the passkeys that it asks for and the other ways."""
        return super().render_to_response({**context, **self.get_ways(context)}, **kwargs)

    def get_ways(self, context: dict[str, Any]) -> dict[str, Any]:
        """Return the passkeys that the page asks for, and the ways that it lists: all others, or those that open a lock."""
        typed = verify.typed(self.devices)
        held = [described(self.request, device) for device in self.devices if device not in typed]
        has_button = not (self.way in LABELS or self.is_chosen())
        others, left = [] if has_button else held, self.get_recovery_left()
        if context["lock"]:
            listed = ways.that_unlock(typed, others, recovery_left=left)
        else:
            listed = ways.listed(context["devices"], others, asked=context["asked"], recovery_left=left)
        return {"passkeys": held if has_button else [], "ways": list(listed)}

    def get_recovery_left(self) -> int:
        """Return how many recovery codes the user may enter, none where the page asks for one already."""
        is_asked = self.way == ways.RECOVERY_CODE or not self.devices
        return 0 if is_asked else getattr(self.devices[0], "recovery_left", 0)

    def get_refusal(self, form: Any) -> NotYet | None:
        """Return why no code is judged now, None if one is: what the answer has met, or else what the budget says."""
        if form.is_bound:
            refusal = getattr(form, "refusal", None)
            return refusal if isinstance(refusal, NotYet) else None
        if not self.devices or self.way in LABELS:
            return None
        return stored.budget_of(self.get_form_user(), self.request, self.devices).refusal()

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
        "inputmode": getattr(registry.factor_of(device), "inputmode", "text"),
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
    return waiting(at)


def waiting(until: datetime) -> dict[str, Any]:
    """Return what a page says of a wait: until when (``at``), how many ``seconds`` that are, and both in words."""
    return {
        "at": until,
        "seconds": max(1, math.ceil((until - timezone.now()).total_seconds())),
        "wait": wait_until(until),
        "time": clock_time(until),
    }


def sent_notice(device: Any) -> str:
    """Return what a page says when a code is on its way."""
    return _("We sent a code to %(device)s. Enter it below.") % {"device": manage.called(device)}
