"""What the pages share: template names, project forms, and the proof before a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.adapter import get_adapter
from allauth.account.utils import get_next_redirect_url
from allauth.utils import get_form_class
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.mixins import AccessMixin
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import resolve_url
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from allauth_2fa import app_settings, compat
from allauth_2fa.factors import lookup, registry
from allauth_2fa.mixins import ValidTOTPDeviceRequiredMixin
from allauth_2fa.sessions import reauthentication
from allauth_2fa.utils import user_has_valid_totp_device, with_target

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.forms import BaseForm
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


class Page:
    """A page whose template name ends as the project's settings say, asked when the page is served."""

    page: ClassVar[str]
    """The word that names the template, the form and the URL."""
    template_name: str | None = None
    _for_owners: ClassVar[bool] = True
    """Whether the page is closed to somebody who uses another user's account (:func:`.first_device.is_for_owners`)."""

    def get_template_names(self) -> list[str]:
        """Return the template of a subclass, or ours."""
        return [self.template_name or f"allauth_2fa/{self.page}.{app_settings.TEMPLATE_EXTENSION}"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view, which no cache keeps and whose codes no error report shows.

        This holds around every ``dispatch``, those of subclasses among them: their redirects are not to be kept either.
        """
        return never_cache(sensitive_post_parameters("otp_token", "credential")(super().as_view(**initkwargs)))  # type: ignore[misc]


class FormPage(Page, FormView):
    """A page with one form, which the project can replace by ``ALLAUTH_2FA_FORMS``."""

    form_key: ClassVar[str]

    def get_form_class(self) -> type[BaseForm]:
        """Return the project's form for this page, or ours."""
        return get_form_class(app_settings.FORMS, self.form_key, self.form_class)

    def get_form_user(self) -> AbstractBaseUser:
        """Return whom the form is about."""
        return self.request.user  # type: ignore[return-value]

    def get_form_kwargs(self) -> dict[str, Any]:
        """Return Django's keyword arguments, and the user."""
        return {**super().get_form_kwargs(), "user": self.get_form_user()}


def name_or_path(target: str) -> str:
    """Return the URL that a setting names: by a URL name, or by a path."""
    return resolve_url(target)


def with_next(url: str, request: HttpRequest) -> str:
    """Return the URL with the ``next`` of the request, if that leads to a page of the site."""
    return with_target(url, get_next_redirect_url(request))


class FactorRequiredMixin(ValidTOTPDeviceRequiredMixin):
    """Serves a page of ours to users who have a second factor, of whichever kind."""

    def has_valid_device(self, user: Any) -> bool:
        """Return whether the user has a second factor (one query, none if it has just verified the session)."""
        return user_has_valid_totp_device(user) or (len(registry.primaries()) > 1 and lookup.has_primary(user))


class ProofRequiredMixin(AccessMixin):
    """Lets nobody change a second factor on the strength of a session alone.

    An anonymous visitor goes to the login, one whose proof is too old confirms it: by the second factor where there is
    one, else by the password, else by a login again.
    """

    def ask_for_proof(self, request: HttpRequest, *, has_factor: bool) -> HttpResponseBase | None:
        """Return the page on which the user can authenticate again, None if the last authentication is recent enough."""
        user: AbstractBaseUser = request.user  # type: ignore[assignment]
        has_mfa = not has_factor and compat.mfa_enabled_for(user)
        if reauthentication.is_fresh(request, user, has_factor=has_factor or has_mfa):
            return None
        return self.lead_to_proof(request, has_factor=has_factor, has_mfa=has_mfa)

    def lead_to_proof(self, request: HttpRequest, *, has_factor: bool, has_mfa: bool) -> HttpResponseBase:
        """Return the page on which the user can authenticate again. A POST is stored, and continues after that."""
        user: AbstractBaseUser = request.user  # type: ignore[assignment]
        if has_factor or has_mfa:
            return compat.suspend(request, reverse(compat.REAUTHENTICATION_PAGE if has_mfa else "two-factor-reauthenticate"))
        url = compat.password_reauthentication_url()
        if url and user.has_usable_password():
            return compat.suspend(request, url)
        return log_in_again(request)


def log_in_again(request: HttpRequest) -> HttpResponse:
    """End the session of a user who has no other way to authenticate again, and lead to the login and back."""
    path = request.get_full_path()
    logout(request)
    get_adapter().add_message(request, messages.INFO, "allauth_2fa/messages/login_again.txt")
    return redirect_to_login(path, reverse("account_login"), REDIRECT_FIELD_NAME)
