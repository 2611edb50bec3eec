"""Overrides that projects of 0.x have, and what stands in for them."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpResponseRedirect
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.adapter import OTPAdapter, TwoFactorAdapterMixin
from allauth_2fa.forms import TOTPAuthenticateForm
from allauth_2fa.middleware import AllauthTwoFactorMiddleware, BaseRequire2FAMiddleware
from allauth_2fa.views import TwoFactorSetup


class RedirectingAdapter(OTPAdapter):
    """Asks for the second factor in login(), as the oldest releases did."""

    def login(self, request, user):
        if self.has_2fa_enabled(user):
            request.session["allauth_2fa_user_id"] = str(user.pk)
            raise ImmediateHttpResponse(HttpResponseRedirect(reverse("two-factor-authenticate")))
        return super().login(request, user)


def to_the_challenge():
    return ImmediateHttpResponse(HttpResponseRedirect(reverse("two-factor-authenticate") + "?from=elsewhere"))


class HidingAdapter(OTPAdapter):
    """Does so out of sight of any check."""

    def login(self, request, user):
        raise to_the_challenge()


class NestedAdapter(TwoFactorAdapterMixin, DefaultAccountAdapter):
    """Does so in a function within the method, before the login."""

    def pre_login(self, request, user, **kwargs):
        def lead():
            return self.get_2fa_authenticate_url(request)

        return HttpResponseRedirect(lead())


class GoodAdapter(OTPAdapter):
    """Overrides the same hooks and does no harm."""

    signup_is_open = True
    made_of = property(type)

    def login(self, request, user):
        request.session["greeting"] = "hello"
        return super().login(request, user)

    def get_2fa_authenticate_url(self, request):
        return super().get_2fa_authenticate_url(request)

    def stash_pending_login(self, request, user, login_kwargs):
        request.session["allauth_2fa_user_id"] = str(user.pk)


class NoApps(OTPAdapter):
    """Allows nobody but the boss an authenticator app."""

    def is_factor_allowed(self, user, factor_id):
        return user.username == "boss"


class WritingSocialAdapter(DefaultSocialAccountAdapter):
    """Asks social users for the second factor in a way of its own."""

    def pre_social_login(self, request, sociallogin):
        if sociallogin.is_existing:
            self.ask(request, sociallogin.user)

    def ask(self, request, user):
        request.session["allauth_2fa_user_id"] = str(user.pk)
        raise ImmediateHttpResponse(HttpResponseRedirect(reverse("two-factor-authenticate")))


class GoodSocialAdapter(DefaultSocialAccountAdapter):
    """Leaves that to the login."""

    def pre_social_login(self, request, sociallogin):
        request.session["provider"] = sociallogin.account.provider


class SpareApi(AllauthTwoFactorMiddleware):
    """Wants to spare the API the reset of pending logins."""

    def process_request(self, request):
        raise NotImplementedError


class CountingResponses(AllauthTwoFactorMiddleware):
    """Wants to see every response."""

    def process_response(self, request, response):
        raise NotImplementedError


class RequireNobody(BaseRequire2FAMiddleware):
    """Has a hook that is called."""

    def process_request(self, request):
        request.seen = True

    def require_2fa(self, request):
        return False


def plain_middleware(get_response):
    """Is a function."""
    return get_response


class CleaningForm(TOTPAuthenticateForm):
    """Judges in a way of its own."""

    def clean_otp(self, user):
        raise NotImplementedError


class SetupOfAnother(TwoFactorSetup):
    """Shows the secret of a device that it makes for somebody else, as one site did."""

    def _new_device(self):
        self.device = TOTPDevice.objects.create(user=self.target(), confirmed=False)

    def target(self):
        raise NotImplementedError

    def get_qr_code_kwargs(self):
        return {"issuer": "Shop", "label": f"Shop: {self.kwargs['name']}"}


class CallingSetup(TwoFactorSetup):
    """Makes another secret each time, as 0.x did."""

    def get(self, request, *args, **kwargs):
        self._new_device()
        return super().get(request, *args, **kwargs)
