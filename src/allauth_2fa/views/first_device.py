"""Adding a device in the middle of a login: what the pages that add one do then, and the page that leads to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.generic import TemplateView

from allauth_2fa import compat
from allauth_2fa.adapter import end_login
from allauth_2fa.exceptions import LoginEnded
from allauth_2fa.login import first_device
from allauth_2fa.requirement import policy
from allauth_2fa.state.pending import ENROLLMENT_KEY
from allauth_2fa.utils import with_target

from .base import Page, ProofRequiredMixin
from .devices import add_url, offered

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from allauth_2fa.devices.enrollment import Enrolled
    from allauth_2fa.factors.base import Factor


class EnteringMixin(ProofRequiredMixin):
    """Serves a page that adds a device to users who are logged in, and to the login that waits for a device as well."""

    request: HttpRequest
    stage: compat.LoginStage | None = None
    """Where that login waits, None for a user who is logged in."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view, which sees to it itself that it serves nobody else."""
        return login_not_required(super().as_view(**initkwargs))  # type: ignore[misc]

    def turn_away(self, request: HttpRequest) -> HttpResponseBase | None:
        """Find out who adds a device, and return where a visitor has to go who may not, None to serve the page."""
        if request.user.is_authenticated:
            return None
        self.stage = compat.LoginStageController.enter(request, ENROLLMENT_KEY)
        if self.stage is None:
            return self.handle_no_permission()
        try:
            first_device.ensure_open(self.stage)
        except LoginEnded:
            self.stage.abort()
            return end_login(request)
        return None

    def get_form_user(self) -> AbstractBaseUser:
        """Return who adds a device. While a login waits for it, nobody is logged in yet."""
        return self.request.user if self.stage is None else self.stage.login.user  # type: ignore[return-value]

    def ask_for_proof(self, request: HttpRequest, *, has_factor: bool) -> HttpResponseBase | None:
        """Return where a proof can be given, None if it is fresh: a login that waits here is one."""
        return None if self.stage else super().ask_for_proof(request, has_factor=has_factor)

    def is_wanted(self, factor: Factor) -> bool:
        """Return whether a device of the factor satisfies the site. The login adds no other."""
        return factor in policy.factors_for(self.get_form_user())

    def is_first(self) -> bool:
        """Return whether the device has to be the user's first, because the login has proved no factor."""
        return self.stage is not None and not first_device.has_proved(self.stage)

    def go_on(self, enrolled: Enrolled, success_url: str) -> HttpResponse:
        """Let the login continue after its new device: by the success URL, to where it was going."""
        stage = cast("compat.LoginStage", self.stage)
        leads_to = success_url if "?" in success_url else with_target(success_url, stage.login.redirect_url)
        return first_device.resume(stage, self.get_form_user(), enrolled, leads_to)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return whether the page is part of a login, and what it stands on then."""
        facts = {"is_entering": self.stage is not None, "account": compat.user_display(self.get_form_user())}
        entrance = compat.entrance_context(self.request) if self.stage else {}
        return {**super().get_context_data(**kwargs), **facts, **entrance}  # type: ignore[misc]


class TwoFactorEnroll(EnteringMixin, Page, TemplateView):
    """Leads a login to the device that the site requires: to the page that adds it, or to a choice of them."""

    page = "enroll"
    _for_owners = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the login that waits for a device. Whoever is logged in is redirected to the page from which devices are added."""
        if request.user.is_authenticated:
            return HttpResponseRedirect(reverse("two-factor-overview"))
        return self.turn_away(request) or super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the choice, if there is one, or lead on."""
        self.requirement = policy.requirement_of(self.get_form_user())
        if not self.requirement.is_due:
            # An exemption was granted meanwhile, say.
            return first_device.skip(cast("compat.LoginStage", self.stage))
        self.choices = first_device.choices(self.requirement, self.get_form_user())
        return HttpResponseRedirect(self.url_of(self.choices[0])) if len(self.choices) == 1 else super().get(request, *args, **kwargs)

    def url_of(self, factor: Factor) -> str:
        """Return the page on which a device of the factor is added here."""
        return reverse(factor.first_page) if factor.first_page and self.is_first() else add_url(factor)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the factors that will do and that a user can add."""
        addable = [{**offered(factor), "url": self.url_of(factor)} for factor in self.choices]
        return {**super().get_context_data(**kwargs), "addable": addable, "requirement": self.requirement}
