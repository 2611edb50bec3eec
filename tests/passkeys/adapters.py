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


class StrictAdapter(OTPAdapter):
    """Lets nobody but superusers answer by passkeys."""

    def is_factor_allowed(self, user, factor_id):
        return user.is_superuser or factor_id != "webauthn"
