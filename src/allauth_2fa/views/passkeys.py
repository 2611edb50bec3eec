"""Passkeys: adding one, signing in by one, and which other sites of the project may use them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from allauth.account import app_settings as account_settings
from allauth.account.adapter import get_adapter
from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from allauth_2fa.devices import manage, passkeys
from allauth_2fa.exceptions import Refused
from allauth_2fa.forms import PasskeyForm
from allauth_2fa.login import passwordless

from .base import FormPage, with_next
from .enrollment import AddingAnother, enrolled_by

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from allauth_2fa.factors.base import Factor

logger = logging.getLogger(__name__)

LIMIT = "allauth_2fa_passkey"
"""The name of the limit of logins without a password among allauth's, in ``ACCOUNT_RATE_LIMITS``."""

DEFAULT_RATE = "60/m/ip"
"""A look at the login page and a login by it count as two; allauth's own limit on passwords is 30 a minute and address."""


class TwoFactorAddPasskey(AddingAnother, FormPage):
    """Adds a passkey or security key: a script asks the browser for it, and posts what it hands over."""

    page = form_key = "add_passkey"
    form_class = PasskeyForm

    def find_factor(self) -> Factor:
        """Return the factor of passkeys, if the user may answer by it."""
        factor = found()
        if not manage.is_allowed(self.get_form_user(), factor):
            raise Http404
        return factor

    def lead_to_proof(self, request: HttpRequest, **facts: bool) -> HttpResponseBase:
        """Return where the proof can be given. A script that asks is told to load the page, which leads there."""
        asks = request.POST.get("action") == "passkey"
        return JsonResponse({"reload": True}, status=409) if asks else super().lead_to_proof(request, **facts)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the options for the browser, or store what it has made of them."""
        if request.POST.get("action") != "passkey":
            return super().post(request, *args, **kwargs)
        wanted = request.POST.get("passwordless") == "on"
        return JsonResponse(passkeys.ask_for_new(request, self.get_form_user(), passwordless=wanted))

    def form_valid(self, form: Any) -> HttpResponse:
        """Make the session a verified one, and lead on."""
        device = getattr(form, "device", None)
        if device is None or device.user_id != self.get_form_user().pk:
            return self.form_invalid(form)
        return self.finish(enrolled_by(form, device))

    def get_form_kwargs(self) -> dict[str, Any]:
        """Return Django's keyword arguments, the user, and the request whose session keeps the question."""
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the factor, and the device whose place the new one takes."""
        return {**super().get_context_data(**kwargs), "factor": self.factor, "replaced": self.get_replaced()}


def found() -> Factor:
    """Return the factor of passkeys, or raise ``Http404`` where there is none."""
    factor = passkeys.factor()
    if factor is None:
        raise Http404
    return factor


def too_many(request: HttpRequest) -> HttpResponse | None:
    """Count a request that is part of a login without a password, and return the answer to one too many.

    With ``ACCOUNT_RATE_LIMITS = False`` there is no limit, and while the cache is down in which allauth counts there is none
    either: a passkey cannot be guessed.
    """
    limits = account_settings.RATE_LIMITS and {LIMIT: DEFAULT_RATE, **account_settings.RATE_LIMITS}
    counted: Any = rate_limit(action=LIMIT, config=limits)(lambda _request: None)
    try:
        response: HttpResponse | None = counted(request)
    except Exception as error:  # noqa: BLE001 - a cache that is down raises whatever its client does
        logger.error("Logins by passkey cannot be counted: %s", type(error).__name__)
        return None
    return response


@method_decorator(login_not_required, name="dispatch")
@method_decorator(never_cache, name="dispatch")
@method_decorator(sensitive_post_parameters("credential"), name="dispatch")
class TwoFactorPasskeyLogin(View):
    """Logs in by a passkey alone, where ``ALLAUTH_2FA_PASSKEY_LOGIN`` is on. The login page's script posts here."""

    http_method_names = ["get", "post", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve those who are not logged in, and not too often."""
        if not passkeys.may_log_in():
            raise Http404
        if request.user.is_authenticated:
            return HttpResponseRedirect(get_next_redirect_url(request) or get_adapter().get_login_redirect_url(request))
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Lead to the login page, which has the button."""
        return HttpResponseRedirect(with_next(reverse("account_login"), request))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Return the options for the browser, or log in by what it has made of them, within the limit of the site."""
        return too_many(request) or self.go_through(request)

    def go_through(self, request: HttpRequest) -> HttpResponse:
        """Put the question, or judge the answer."""
        if request.POST.get("action") == "passkey":
            return JsonResponse(passwordless.ask(request))
        try:
            return passwordless.log_in(request, request.POST.get("credential", ""), get_next_redirect_url(request))
        except ImmediateHttpResponse as immediate:
            return immediate.response
        except Refused as refusal:
            get_adapter().add_message(request, messages.ERROR, message=refusal.message)
            return self.get(request)


@method_decorator(login_not_required, name="dispatch")
class RelatedOrigins(View):
    """Tells browsers which origins may use the site's passkeys (WebAuthn Level 3, 5.11): ``/.well-known/webauthn``."""

    http_method_names = ["get", "head", "options"]

    @method_decorator(cache_control(public=True, max_age=600))
    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the origins of ``OTP_WEBAUTHN_ALLOWED_ORIGINS`` that have TLS."""
        found()
        return JsonResponse({"origins": passkeys.allowed_origins(request)})
