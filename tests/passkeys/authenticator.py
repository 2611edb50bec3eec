"""The software authenticator, with a way to put its passkey on an account."""

from __future__ import annotations

from typing import Any

from django_otp_webauthn.models import WebAuthnCredential, WebAuthnUserHandle

from allauth_2fa.models import DeviceOptions
from tests.software_key import ATTESTED, DOMAIN, NOBODY, ORIGIN, PRESENT, VERIFIED, SoftwareKey, bytes_of, text_of

__all__ = ["ATTESTED", "DOMAIN", "NOBODY", "ORIGIN", "PRESENT", "VERIFIED", "Authenticator", "bytes_of", "text_of"]


class Authenticator(SoftwareKey):
    """A software key that django-otp-webauthn knows."""

    def enroll(self, user: Any, *, passwordless: bool = False, **facts: Any) -> WebAuthnCredential:
        """Put the passkey on the account, past the pages."""
        self.user_handle = WebAuthnUserHandle.get_handle_for_user(user)
        device = WebAuthnCredential.objects.create(
            user=user, credential_id=self.id, public_key=self.public_key, sign_count=self.counter, aaguid="", **{"name": "Key", **facts}
        )
        if passwordless:
            DeviceOptions.write(device, passwordless=True)
        return device
