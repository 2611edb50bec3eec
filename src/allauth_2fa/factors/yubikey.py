"""One-time passwords of YubiKeys, checked by a validation service, with the device model of django-otp-yubikey."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from otp_yubikey.models import RemoteYubikeyDevice, ValidationService

from allauth_2fa.exceptions import AlreadyAdded, DeviceRefused, NothingEnrolled

from .base import Factor
from .generic import complete_alone, judge_alone

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

TOUCH = re.compile(r"([cbdefghijklnrtuv]{1,32})[cbdefghijklnrtuv]{32}")
"""What a key types: its public id, then 32 characters that change each time (Yubico OTP). An answer without a public id is
refused, since any key could have typed it."""


class YubikeyFactor(Factor):
    """Keys that type a long code when they are touched. The first code tells the public id of the key."""

    id = "yubikey"
    label = _("YubiKey")
    heading = _("Add a YubiKey")
    rank = 30
    inputmode = "text"
    enroll_page = "two-factor-add"
    intro = _("A key that types a long code when you touch it. It works with any device that takes a keyboard.")
    prompt = _("Click the field and touch the key.")

    @property
    def model(self) -> type[RemoteYubikeyDevice]:
        """The django-otp model of this factor's devices."""
        return RemoteYubikeyDevice

    def is_addable(self) -> bool:
        """Return whether a validation service is configured (one query)."""
        return ValidationService.objects.exists()

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer has the format of a code, in capital letters too, since a keyboard may produce them."""
        return TOUCH.fullmatch(answer.lower()) is not None

    def is_guess(self, answer: str) -> bool:
        """Return whether the answer is something else than a key's code, which has 128 bits and cannot be guessed."""
        return TOUCH.fullmatch(answer.lower()) is None

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Let the validation service check the code, once. See :meth:`Factor.judge`."""
        judge_alone(device, answer.lower())

    def begin(self, user: AbstractBaseUser, **facts: Any) -> Device:
        """Create the device with the first validation service. See :meth:`Factor.begin`.

        Raises:
            NothingEnrolled: no validation service is configured.
        """
        service = ValidationService.objects.order_by("pk").first()
        if service is None:
            raise NothingEnrolled
        return super().begin(user, service=service, public_id="")

    @sensitive_variables("answer", "touch")
    def complete(self, device: Device, answer: str) -> None:
        """Bind the key that typed the code to the user, if the validation service accepts the code. See :meth:`Factor.complete`.

        Raises:
            AlreadyAdded: the user has added this key before.
            DeviceRefused: the code is wrong, or is not a key's code.
        """
        touch = TOUCH.fullmatch(answer.lower())
        if touch is None:
            raise DeviceRefused
        mine = RemoteYubikeyDevice.objects.filter(user_id=device.user_id)
        if mine.filter(public_id=touch[1], confirmed=True).exists():
            raise AlreadyAdded
        mine.filter(pk=device.pk, confirmed=False).update(public_id=touch[1])
        complete_alone(device, touch[0])
