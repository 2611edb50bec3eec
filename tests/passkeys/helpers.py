"""Helpers of a site: its own, and some that fail."""

from typing import ClassVar

from django.db import DatabaseError
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.models import WebAuthnCredential


class OwnHelper(WebAuthnHelper):
    """Takes the domain from the host that the request came to, asks for a hint, and keeps a fact of its own."""

    def get_relying_party_domain(self):
        return self.request.get_host()

    def get_authentication_extensions(self):
        return {"appid": "https://example.com"}

    def get_authentication_state(self, options):
        return {**super().get_authentication_state(options), "own": "fact"}

    def authenticate_complete(self, user, state, data):
        assert state["own"] == "fact"
        return super().authenticate_complete(user, state, data)


class MistakenHelper(WebAuthnHelper):
    """Says that another passkey has answered."""

    def authenticate_complete(self, user, state, data):
        return WebAuthnCredential.objects.exclude(user=user).get()


class BrokenHelper(WebAuthnHelper):
    """Has lost its database."""

    def authenticate_complete(self, user, state, data):
        raise DatabaseError

    def register_complete(self, user, state, data):
        raise DatabaseError


class RacingHelper(WebAuthnHelper):
    """Lets somebody else be faster by a hair."""

    rival: ClassVar = None

    def register_complete(self, user, state, data):
        self.rival()
        return super().register_complete(user, state, data)
