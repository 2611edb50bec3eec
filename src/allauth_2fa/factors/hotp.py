"""Codes of a hardware token that counts (RFC 4226), on django-otp's own device and table."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice

from allauth_2fa import columns
from allauth_2fa.exceptions import CounterOff, DeviceRefused

from .base import Factor
from .generic import judge_alone

if TYPE_CHECKING:
    from django_otp.models import Device

RESYNC_WINDOW = 100
"""Counter values ahead in which two codes in a row are looked for (RFC 4226, 7.4). Two codes of six digits each, within
a hundred places, are hit by chance once in ten thousand million tries."""


class HotpFactor(Factor):
    """Hardware tokens with a button. The look-ahead is the device's ``tolerance``.

    A token whose button was pressed too often is taken up again by two codes in a row, typed one after the other into
    the same field.
    """

    id = "hotp"
    label = _("hardware token")
    icon = "token"
    rank = 20

    @property
    def model(self) -> type[HOTPDevice]:
        """The django-otp model of this factor's devices."""
        return HOTPDevice

    def recognizes(self, device: Device, answer: str) -> bool:
        """Tell whether the answer has the shape of one code, or of two in a row. A token whose secret cannot be read has none."""
        digits = cast("HOTPDevice", device).digits
        return answer.isascii() and answer.isdigit() and len(answer) in {digits, 2 * digits} and not columns.is_shut(device)

    @sensitive_variables("answer")
    def accepts(self, device: Device, answer: str) -> bool:
        """Tell whether the answer is one of the next codes of the device, or two in a row. Nothing is written."""
        row = cast("HOTPDevice", device)
        if not self.recognizes(row, answer):
            return False
        if len(answer) == 2 * row.digits:
            return _resynchronized(row, answer) is not None
        ahead = range(row.counter, row.counter + row.tolerance + 1)
        return int(answer) in {oath.hotp(row.bin_key, at, row.digits) for at in ahead}

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Accept the next code, or two in a row from further ahead. See :meth:`Factor.judge`."""
        row = cast("HOTPDevice", device)
        # While the device is throttled it compares nothing at all, pairs neither.
        may_jump = len(answer) == 2 * row.digits and row.verify_is_allowed()[0]
        at = _resynchronized(row, answer) if may_jump else None
        if at is not None:
            # The first of the two is skipped over, the second is judged like any other code: once, under the lock.
            HOTPDevice.objects.filter(pk=row.pk, user_id=row.user_id, counter=row.counter).update(counter=at + 1)
            answer = answer[row.digits :]
        try:
            judge_alone(row, answer)
        except DeviceRefused:
            raise CounterOff from None


@sensitive_variables("answer", "first", "second")
def _resynchronized(row: HOTPDevice, answer: str) -> int | None:
    """Return the counter of the first of two codes in a row, None if they do not follow one another."""
    first, second = int(answer[: row.digits]), int(answer[row.digits :])
    for at in range(row.counter, row.counter + RESYNC_WINDOW):
        if oath.hotp(row.bin_key, at, row.digits) == first and oath.hotp(row.bin_key, at + 1, row.digits) == second:
            return at
    return None
