"""Adapters and stages that a project may bring along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpResponse, HttpResponseRedirect

from allauth_2fa import compat
from allauth_2fa.adapter import OTPAdapter

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest


class StrangerAdapter(DefaultAccountAdapter):
    """Knows nothing of a second factor."""


class ExemptAdapter(OTPAdapter):
    """Lets every session pass the guard, as one that serves support would some."""

    def is_two_factor_exempt(self, request: HttpRequest, user: AbstractBaseUser) -> bool:
        return True


class LaterStage(compat.LoginStage):
    """Asks for something of its own after the second factor."""

    key = "later"
    urlname = "later"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        return HttpResponseRedirect("/later/"), True


class LaterStageAdapter(OTPAdapter):
    """Brings in a stage after ours."""

    def get_login_stages(self) -> list[str]:
        return [*super().get_login_stages(), "tests.attacks.adapters.LaterStage"]


@compat.login_stage_required(stage="later", redirect_urlname="account_login")
def later(request: HttpRequest) -> HttpResponse:
    """Let the login go on."""
    return request._login_stage.exit()


class ImpersonatingAdapter(OTPAdapter):
    """Lets support look at the site as somebody else."""

    def is_two_factor_exempt(self, request, user):
        return bool(request.session.get("is_impersonation"))
