"""The demo's passkeys, whichever port it is served on."""

from django_otp_webauthn.helpers import WebAuthnHelper


class AnyPortHelper(WebAuthnHelper):
    """Allows the origin that the request came to."""

    def get_allowed_origins(self) -> list[str]:
        """Return that origin alone."""
        return [f"http://{self.request.get_host()}"]
