"""Trusted browsers: in which of them the visitor is asked for no code, and an end to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.generic import TemplateView

from allauth_2fa import app_settings
from allauth_2fa.browsers import trust

from .base import Page

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse

    from allauth_2fa.models import Browser

LONGEST_KEY = 18
"""Digits of the highest key of a row that is looked at."""


class TwoFactorBrowsers(LoginRequiredMixin, Page, TemplateView):
    """Lists the visitor's trusted browsers, and ends their trust. A proof is not asked for: less trust opens nothing."""

    page = "browsers"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Trust one browser no longer, or none at all."""
        user: AbstractBaseUser = request.user  # type: ignore[assignment]
        keys = None if request.POST.get("action") == "all" else _keys(request.POST.get("browser", ""))
        ended = trust.revoke(user, "owner", keys, request=request)
        if ended:
            template = "allauth_2fa/messages/browsers_revoked.txt"
            get_adapter().add_message(request, messages.SUCCESS, template, {"ended": ended})
        return HttpResponseRedirect(reverse("two-factor-browsers"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the browsers (two queries)."""
        return {**super().get_context_data(**kwargs), **listed(self.request)}


def listed(request: HttpRequest) -> dict[str, Any]:
    """Return what pages say of the visitor's trusted browsers."""
    user: AbstractBaseUser = request.user  # type: ignore[assignment]
    return {
        "browsers": [_described(request, browser) for browser in trust.trusted(user)],
        "may_trust": trust.may_trust(user),
        "trust_days": app_settings.TRUST_DAYS,
    }


def _described(request: HttpRequest, browser: Browser) -> dict[str, Any]:
    return {
        "id": browser.pk,
        "name": browser.name,
        "address": browser.address or "",
        "last_seen_at": browser.last_seen_at,
        "trusted_until": browser.trusted_until,
        "is_this": trust.is_this(request, browser),
    }


def _keys(text: str) -> list[int]:
    """Return the key that is written like that, none for anything else."""
    return [int(text)] if text.isascii() and text.isdigit() and len(text) <= LONGEST_KEY else []
