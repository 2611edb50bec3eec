"""Codes by SMS, on the device of django-otp-twilio.

Numbers can be taken over and messages be read on their way, so this factor is weaker than others.
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
"""Seconds that a code holds, unless ``OTP_TWILIO_TOKEN_VALIDITY`` says otherwise: ten minutes, the most that OWASP ASVS 5.0
(6.5.5) allows. django-otp-twilio's own default is 30 seconds, less than many a message takes."""

WAIT = 30
"""Seconds between two messages to one device."""

NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""A number with its country code: fifteen digits at the most (ITU-T E.164, 6.1). The shortest in use have seven."""

FILLING = re.compile(r"\(0\)|[\s().\-/\u2010-\u2015]")
"""What people put between the digits. The zero in parentheses is dialled inside the country alone."""

COUNTRY = re.compile(r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}", re.ASCII)
"""The country codes: one digit, two, or else three (ITU-T E.164, list of assigned country codes)."""


class SmsFactor(SentCodeFactor):
    """Codes that are sent to a phone number, which the first code has shown to be the user's."""

    id = "sms"
    label = _("text message")
    intro = _("A code is sent to your phone by text message each time you sign in.")
    asks = (Ask("number", _("Phone number"), _("With the country code, as in +44 7700 900123."), autocomplete="tel", inputmode="tel"),)

    @property
    def model(self) -> type[TwilioSMSDevice]:
        """The django-otp model of this factor's devices."""
        return TwilioSMSDevice

    def detail(self, device: Device) -> str:
        """Return the number, all but hidden."""
        row: Any = device
        return masked(row.number)

    def begin(self, user: AbstractBaseUser, **facts: Any) -> Device:
        """Create the device for a number. See :meth:`Factor.begin`."""
        number = read_number(facts["number"])
        if any(device.number == number for device in self.devices(user)):
            raise AlreadyAdded
        return super().begin(user, number=number)

    def ensure_may_send(self, device: Device) -> None:
        """Check that the last message was sent long enough ago. See :meth:`Factor.ensure_may_send`.

        The model has no column for that; but until when the code holds tells when it was made.
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
            # Whether the message has left or not: somebody has asked for one now.
            row.valid_until = timezone.now() + timedelta(seconds=validity())
            row.save(update_fields=["valid_until"])


def validity() -> int:
    """Return for how many seconds a code holds."""
    return getattr(settings, "OTP_TWILIO_TOKEN_VALIDITY", VALIDITY)


def read_number(typed: str) -> str:
    """Return the phone number as E.164 writes it, ``+447700900123``.

    Raises:
        NumberRefused: it has no country code, or is no number.
    """
    number = FILLING.sub("", unicodedata.normalize("NFKC", typed))
    number = "".join(str(unicodedata.decimal(symbol, symbol)) for symbol in number)
    number = f"+{number[2:]}" if number.startswith("00") else number
    if not NUMBER.fullmatch(number):
        raise NumberRefused
    return number


def masked(number: str) -> str:
    """Return enough of the number to know it by: ``+44 ••• ••• 42``."""
    country = COUNTRY.match(number, 1) if NUMBER.fullmatch(number) else None
    return f"{f'+{country[0]} ' if country else ''}••• ••• {number[-2:]}".rstrip()
