"""Recovery codes: made, shown once, renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from allauth.account.utils import get_next_redirect_url
from django.contrib.sites.shortcuts import get_current_site
from django.utils import timezone
from django.utils.text import slugify
from django.views.generic import TemplateView

from allauth_2fa import app_settings
from allauth_2fa.devices import recovery_codes

from .base import FactorRequiredMixin, Page, ProofRequiredMixin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

HIDDEN = "\N{BULLET}" * 8
"""What stands for a code of which only the digest is stored."""


class TwoFactorBackupTokens(ProofRequiredMixin, FactorRequiredMixin, Page, TemplateView):
    """Shows new recovery codes once, and says how many are left."""

    page = "backup_tokens"
    reveal_tokens: bool | None = None
    """Whether readable codes are shown on every visit; None: as ``ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS`` says."""
    made: Sequence[recovery_codes.ShownCode] | None = None

    def admit(self, request: HttpRequest) -> HttpResponseBase | None:
        """Ask for the second factor again before codes are seen or made."""
        return self.ask_for_proof(request, has_factor=True)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page; after the first enrollment, with the first codes."""
        if request.method == "GET" and recovery_codes.codes_pending(request):
            return self.post(request, *args, **kwargs)
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Make new codes instead of all old ones, and show them."""
        self.made = recovery_codes.renew(request, request.user)  # type: ignore[arg-type]
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the codes that may be shown, and how many are left."""
        site_name = get_current_site(self.request).name
        return {
            **super().get_context_data(**kwargs),
            **self._codes(),
            "site_name": site_name,
            "file_name": file_name(site_name),
            "made_at": timezone.now(),
            "next_url": get_next_redirect_url(self.request) or get_adapter().get_login_redirect_url(self.request),
        }

    def _codes(self) -> dict[str, Any]:
        always = app_settings.ALWAYS_REVEAL_BACKUP_TOKENS if self.reveal_tokens is None else self.reveal_tokens
        if self.made is not None:
            shown = {"backup_tokens": self.made, "codes_left": len(self.made), "few_codes": False, "reveal_tokens": True}
            return {**shown, "shown_once": not app_settings.ALWAYS_REVEAL_BACKUP_TOKENS}
        readable = recovery_codes.readable(self.request.user)  # type: ignore[arg-type]
        left = recovery_codes.left(self.request.user)  # type: ignore[arg-type]
        # Templates of 0.x tell by these whether there are any, and look at reveal_tokens before they show them.
        items = readable or [recovery_codes.ShownCode(HIDDEN)] * left
        shown = {"backup_tokens": items, "codes_left": left, "few_codes": recovery_codes.are_few(left)}
        return {**shown, "reveal_tokens": always and bool(readable), "shown_once": False}


def file_name(site_name: str) -> str:
    """Return the name of the file in which the codes are saved: the site's name comes first, so that it is found again."""
    return "-".join(filter(None, [slugify(site_name.replace(".", "-"), allow_unicode=True), "recovery-codes.txt"]))
