"""A pager: it is sent a code, and its owner gives the code back."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django_otp.models import CooldownMixin, SideChannelDevice, ThrottlingMixin
from otp_twilio.models import TwilioSMSDevice


class Pager(CooldownMixin, ThrottlingMixin, SideChannelDevice):
    """Sends by writing to a list, or not at all while it is broken."""

    is_broken = models.BooleanField(default=False)

    sent: ClassVar[list[str]] = []

    class Meta:
        verbose_name = "pager"

    def generate_challenge(self):
        if self.is_broken:
            message = f"no signal for {self.token}"
            raise OSError(message)
        self.generate_token(commit=False)
        self.cooldown_set(commit=True)
        self.sent.append(self.token)
        return "sent"

    def verify_token(self, token):
        allowed, _facts = self.verify_is_allowed()
        if allowed and super().verify_token(token):
            self.throttle_reset()
            return True
        if allowed:
            self.throttle_increment()
        return False

    def get_throttle_factor(self):
        return 1

    def get_cooldown_duration(self):
        return 30


class QuietPager(Pager):
    """The same pagers under another name."""

    class Meta:
        proxy = True


class LoudPager(Pager):
    """Pagers with more columns, in a table beside."""

    volume = models.PositiveSmallIntegerField(default=11)


class Beeper(ThrottlingMixin, SideChannelDevice):
    """Sends as often as it is asked to: it has no cooldown of its own."""

    sent: ClassVar[list[str]] = []

    class Meta:
        verbose_name = "beeper"

    def generate_challenge(self):
        self.generate_token()
        self.sent.append(self.token)
        return "sent"

    def get_throttle_factor(self):
        return 1


class VoiceDevice(TwilioSMSDevice):
    """A telephone that is called instead."""

    spoken: ClassVar[list[str]] = []

    class Meta:
        proxy = True

    def generate_challenge(self):
        self.generate_token()
        self.spoken.append(self.token)
        return "called"
