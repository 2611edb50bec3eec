"""Adapters of a site that has opinions of its own."""

from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpResponseRedirect

from allauth_2fa.adapter import OTPAdapter


class ClosedAdapter(OTPAdapter):
    """Lets nobody in."""

    def pre_login(self, request, user, **facts):
        raise ImmediateHttpResponse(HttpResponseRedirect("/closed/"))


class LenientAdapter(OTPAdapter):
    """Wants a second factor of nobody."""

    def has_2fa_enabled(self, user):
        return False
