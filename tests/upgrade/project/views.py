"""The shop's subclasses of the views."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy
from django.views.generic import TemplateView, View

from allauth_2fa.mixins import ValidTOTPDeviceRequiredMixin
from allauth_2fa.views import TwoFactorAuthenticate, TwoFactorBackupTokens, TwoFactorRemove, TwoFactorSetup


class ShopAuthenticate(TwoFactorAuthenticate):
    """Uses a template of its own."""

    template_name = "shop/authenticate.html"


class ShopSetup(TwoFactorSetup):
    """Has a brand and a page to go on to."""

    template_name = "shop/setup.html"
    success_url = reverse_lazy("shop:welcome")

    def get_qr_code_kwargs(self) -> dict[str, str]:
        return {**super().get_qr_code_kwargs(), "issuer": "The Shop"}


class ShopBackupTokens(TwoFactorBackupTokens):
    """Shows the tokens on every visit."""

    reveal_tokens = True


class ShopRemove(TwoFactorRemove):
    """Leads back to the shop."""

    success_url = reverse_lazy("shop:welcome")


class Vault(ValidTOTPDeviceRequiredMixin, View):
    """Opens for users who have a device."""

    def get(self, _request: object) -> HttpResponse:
        return HttpResponse("the vault")


class Cellar(Vault):
    """Sends users without a device elsewhere by the URL."""

    no_valid_totp_device_url = reverse_lazy("shop:welcome")


class Attic(Vault):
    """Sends users without a device elsewhere by the hook."""

    def handle_missing_totp_device(self) -> HttpResponse:
        return HttpResponseRedirect("/stairs/")


class Welcome(TemplateView):
    """Greets."""

    template_name = "shop/welcome.html"
