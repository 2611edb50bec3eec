"""One-time codes of YubiKeys, checked by a validation service, on the device of django-otp-yubikey."""

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
"""What a key types: which key it is, then 32 symbols that are never the same (Yubico's documentation of the one-time code).
A key that does not say which one it is could be anybody's."""


class YubikeyFactor(Factor):
    """Keys that type a long code when they are touched. A key is known by its first one."""

    id = "yubikey"
    label = _("YubiKey")
    rank = 30
    inputmode = "text"
    enroll_page = "two-factor-add"
    intro = _("A key that types a long code when you touch it. It works wherever a keyboard does.")
    prompt = _("Put the cursor into the field, and touch the key.")

    @property
    def model(self) -> type[RemoteYubikeyDevice]:
        """The django-otp model of this factor's devices."""
        return RemoteYubikeyDevice

    def is_addable(self) -> bool:
        """Return whether there is a service to check keys (one query)."""
        return ValidationService.objects.exists()

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer is what a key types; capital letters are what the keyboard makes of it."""
        return TOUCH.fullmatch(answer.lower()) is not None

    def is_guess(self, answer: str) -> bool:
        """Return whether the answer is no touch of a key: those have 128 bits, and are not guessed."""
        return TOUCH.fullmatch(answer.lower()) is None

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Have the service judge a code of this key, once. See :meth:`Factor.judge`."""
        judge_alone(device, answer.lower())

    def begin(self, user: AbstractBaseUser, **facts: Any) -> Device:
        """Create the device, for the first of the services. See :meth:`Factor.begin`."""
        service = ValidationService.objects.order_by("pk").first()
        if service is None:
            raise NothingEnrolled
        return super().begin(user, service=service, public_id="")

    @sensitive_variables("answer", "touch")
    def complete(self, device: Device, answer: str) -> None:
        """Take the key for the user's whose code this is, if the service says that it is right. See :meth:`Factor.complete`."""
        touch = TOUCH.fullmatch(answer.lower())
        if touch is None:
            raise DeviceRefused
        mine = RemoteYubikeyDevice.objects.filter(user_id=device.user_id)
        if mine.filter(public_id=touch[1], confirmed=True).exists():
            raise AlreadyAdded
        mine.filter(pk=device.pk, confirmed=False).update(public_id=touch[1])
        complete_alone(device, touch[0])
