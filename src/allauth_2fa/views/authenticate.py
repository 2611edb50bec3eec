"""The challenge: the page between the password and the session."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from allauth_2fa import app_settings, compat
from allauth_2fa.adapter import end_login
from allauth_2fa.browsers import trust
from allauth_2fa.exceptions import LoginEnded
from allauth_2fa.forms import TOTPAuthenticateForm
from allauth_2fa.login import challenge, pending
from allauth_2fa.state.pending import PendingLogin

from . import announcements, ways
from .challenge import AskingPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django_otp.models import Device


def _says_that_the_login_is_lost(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wrap the view, which sends visitors without a pending login to the login page, so that this page says why."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        is_lost = not request.user.is_authenticated and not hasattr(request, "_login_stage") and compat.pending_stage_key(request) is None
        return end_login(request) if is_lost else response

    return wrapped


ENTERED = compat.login_stage_required(stage=compat.STAGE_KEY, redirect_urlname="account_login")


@method_decorator([_says_that_the_login_is_lost, ENTERED], name="dispatch")
class TwoFactorAuthenticate(AskingPage):
    """Asks for the second factor of the login that waits for it."""

    page = form_key = "authenticate"
    _for_owners = False
    form_class = TOTPAuthenticateForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the page while the login is sound, else end it."""
        self.stage: compat.LoginStage = request._login_stage  # type: ignore[attr-defined]  # noqa: SLF001 - the decorator's
        try:
            self.user = pending.ensure_sound(self.stage)
        except LoginEnded:
            return self.end()
        return super().dispatch(request, *args, **kwargs)

    def get_store(self) -> PendingLogin:
        """Return the state of our stage: a code that was sent counts for this login alone."""
        return PendingLogin(self.stage.state)

    def keep_store(self) -> None:
        """Store the login again, with its changed state."""
        compat.stash(self.request, self.stage.login)

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, with the box to have the browser trusted where that is allowed."""
        form = super().get_form(form_class)
        self.offer_trust(form)
        return form

    def offer_trust(self, form: Any) -> None:
        """Put the box into the form, a project's own too, if it has none and the user may have browsers trusted."""
        if trust.may_trust(self.user):
            form.fields.setdefault("trust", trust_field())

    def get_initial(self) -> dict[str, Any]:
        """Return the device that was just asked to send its code, and whether the box was ticked meanwhile."""
        return {**super().get_initial(), "trust": bool(self.request.POST.get("trust"))}

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """Show the page, unless the devices are gone: then there is nothing left to ask for."""
        return super().render_to_response(context, **kwargs) if self.devices else self.end()

    def end(self) -> HttpResponse:
        """End the login, and lead to the login page with the reason."""
        self.stage.abort()
        return end_login(self.request)

    def get_form_user(self) -> AbstractBaseUser:
        """Return whose login it is; nobody is logged in yet."""
        return self.user

    def form_valid(self, form: Any) -> HttpResponse:
        """Continue the login with the device that has accepted the answer."""
        device: Device | None = getattr(form, "device", None)
        if device is None or device.user_id != self.user.pk:
            return self.form_invalid(form)
        # It counts once the login is finished: another stage may come in between.
        is_ticked = "trust" in form.fields and form.cleaned_data.get("trust")
        PendingLogin(self.stage.state).wants_trust = bool(is_ticked and trust.is_strong(device))
        response = challenge.complete(self.stage, self.user, device)
        if self.request.user.is_authenticated:
            announcements.tell_at_login(self.request, self.user, device)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the template needs, and what allauth's entrance pages do."""
        context = super().get_context_data(**kwargs)
        # The page that is shown when a code was sent makes a form of its own.
        self.offer_trust(context["form"])
        return {
            **context,
            **compat.entrance_context(self.request),
            "account": compat.user_display(self.user),
        }

    def get_ways(self, context: dict[str, Any]) -> dict[str, Any]:
        """Return the ways, and the question that heads the page."""
        shown = super().get_ways(context)
        return {**shown, "question": question({**context, **shown})}


def question(context: dict[str, Any]) -> str:
    """Return the heading of the page."""
    if context["lock"]:
        return _("Too many wrong codes")
    if context["way"] in QUESTIONS:
        return str(QUESTIONS[context["way"]])
    return _("Confirm it's you") if context["passkeys"] else _("Enter your code")


QUESTIONS = {ways.RECOVERY_CODE: gettext_lazy("Enter a recovery code"), ways.SEQUENCE: gettext_lazy("Enter three codes in a row")}


def trust_field() -> forms.BooleanField:
    """Return the box that has the browser trusted for ``ALLAUTH_2FA_TRUST_DAYS`` days."""
    days = app_settings.TRUST_DAYS
    label = ngettext("Trust this browser for %(days)d day", "Trust this browser for %(days)d days", days) % {"days": days}
    return forms.BooleanField(label=label, help_text=_("Only on a device that is yours."), required=False)
