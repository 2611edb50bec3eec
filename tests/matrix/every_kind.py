"""Every kind of factor: those that work in a process alone, codes that are sent to an address, and passkeys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django.core.cache import cache
from django_otp.plugins.otp_email.models import EmailDevice
from otp_twilio.models import TwilioSMSDevice

from tests.matrix.kinds import CHALLENGE, KINDS, Kind
from tests.passkeys.authenticator import Authenticator, text_of

if TYPE_CHECKING:
    from django.test import Client
    from django_otp_webauthn.models import WebAuthnCredential

STALE = {"challenge": text_of(bytes(32))}
"""Options of a question that nobody has put."""


class Sent(Kind):
    """Codes that are sent. The database holds what was sent, on a site without keys."""

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        # However many have been sent before.
        cache.clear()
        client.post(store, {"action": "send", "device": self.device.persistent_id})
        self.look_again()
        return str(self.device.token)


class Email(Sent):
    lives = 601

    def make(self) -> EmailDevice:
        facts = {"email": self.user.email, "verified": True, "primary": True}
        EmailAddress.objects.get_or_create(user=self.user, defaults=facts)
        return EmailDevice.objects.create(user=self.user, name="Mail", email=self.user.email)

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        # Within the cooldown of a code that another login was sent, this one waits for its own.
        EmailDevice.objects.filter(pk=self.device.pk, token=None).update(last_generated_timestamp=None)
        return super().right(client, store)


class Sms(Sent):
    lives = 601

    def make(self) -> TwilioSMSDevice:
        return TwilioSMSDevice.objects.create(user=self.user, name="Telephone", number=f"+4477009{self.user.pk:05d}")


class Passkey(Kind):
    throttled = False
    asked_again = True
    lives = 301

    def make(self) -> WebAuthnCredential:
        self.authenticator = Authenticator()
        return self.authenticator.enroll(self.user, name="Laptop")

    def options(self, client: Client, store: str) -> dict[str, Any]:
        response = client.post(store, {"action": "passkey"}, headers={"Accept": "application/json"})
        return response.json() if response.status_code == 200 else STALE

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        return self.authenticator.get(self.options(client, store))

    def wrong(self, client: Client, store: str = CHALLENGE) -> str:
        thief = Authenticator(id=self.authenticator.id, user_handle=self.authenticator.user_handle, counter=1000)
        return thief.get(self.options(client, store))


EVERY_KIND: list[type[Kind]] = [*KINDS, Email, Sms, Passkey]
