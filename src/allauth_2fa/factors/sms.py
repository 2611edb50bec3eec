"""Codes by SMS, with the device model of django-otp-twilio.

Phone numbers can be taken over, and messages can be intercepted. So this factor is weaker than others.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from otp_twilio.models import TwilioSMSDevice

from allauth_2fa.exceptions import AlreadyAdded, NumberRefused, TooSoon

from .base import Ask
from .sent import SentCodeFactor

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

VALIDITY = 600
"""Lifetime of a code in seconds, unless ``OTP_TWILIO_TOKEN_VALIDITY`` is set: ten minutes, the most that OWASP ASVS 5.0
(6.5.5) allows. Many messages take longer than django-otp-twilio's default of 30 seconds."""

WAIT = 30
"""Shortest time between two messages to one device in seconds."""

NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""A phone number with its country code: at most fifteen digits (ITU-T E.164, 6.1). The shortest numbers in use have seven."""

FILLING = re.compile(r"\(0\)|[\s().\-/\u2010-\u2015]")
"""Characters that people type between the digits. A zero in parentheses is dialled only inside the country."""

COUNTRY = re.compile(r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}", re.ASCII)
"""The country codes: one digit, two, or else three (ITU-T E.164, list of assigned country codes)."""


class SmsFactor(SentCodeFactor):
    """Sends codes to a phone number. The first code confirms that the number belongs to the user."""

    id = "sms"
    label = _("text message")
    heading = _("Get codes by text message")
    intro = _("We text a code to your phone each time you sign in.")
    asks = (
        Ask("number", _("Phone number"), _("Include the country code, for example +44 7700 900123."), autocomplete="tel", inputmode="tel"),
    )

    @property
    def model(self) -> type[TwilioSMSDevice]:
        """The django-otp model of this factor's devices."""
        return TwilioSMSDevice

    def detail(self, device: Device) -> str:
        """Return the masked number."""
        row: Any = device
        return masked(row.number)

    def begin(self, user: AbstractBaseUser, **facts: Any) -> Device:
        """Create the device for a phone number. See :meth:`Factor.begin`."""
        number = read_number(facts["number"])
        if any(device.number == number for device in self.devices(user)):
            raise AlreadyAdded
        return super().begin(user, number=number)

    def ensure_may_send(self, device: Device) -> None:
        """Check that the last message was sent long enough ago. See :meth:`Factor.ensure_may_send`.

        The model does not store when it sent the last code. That follows from the code's expiry.
        """
        super().ensure_may_send(device)
        row: Any = device
        again_at = row.valid_until - timedelta(seconds=validity() - WAIT)
        if row.token and again_at > timezone.now():
            raise TooSoon(again_at)

    def make_code(self, device: Device) -> None:
        """Make a code and send it. See :meth:`Factor.make_code`."""
        row: Any = device
        try:
            row.generate_challenge()
        finally:
            # Even if the message was not sent: the user has requested one now, so the cooldown begins.
            row.valid_until = timezone.now() + timedelta(seconds=validity())
            row.save(update_fields=["valid_until"])


def validity() -> int:
    """Return the lifetime of a code in seconds."""
    return getattr(settings, "OTP_TWILIO_TOKEN_VALIDITY", VALIDITY)


def read_number(typed: str) -> str:
    """Return the phone number in E.164 format: ``+447700900123``.

    Raises:
        NumberRefused: it has no country code, or is not a phone number.
    """
    number = FILLING.sub("", unicodedata.normalize("NFKC", typed))
    number = "".join(str(unicodedata.decimal(symbol, symbol)) for symbol in number)
    number = f"+{number[2:]}" if number.startswith("00") else number
    if not NUMBER.fullmatch(number):
        raise NumberRefused
    return number


def masked(number: str) -> str:
    """Return the masked number: ``+44 ••• ••• 42``."""
    country = COUNTRY.match(number, 1) if NUMBER.fullmatch(number) else None
    return f"{f'+{country[0]} ' if country else ''}••• ••• {number[-2:]}".rstrip()
