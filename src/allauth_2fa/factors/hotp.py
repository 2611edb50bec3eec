"""Codes of a hardware token that counts (RFC 4226), on django-otp's own device and table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice

from allauth_2fa.encryption import columns
from allauth_2fa.exceptions import CounterOff, DeviceRefused

from .base import Factor, with_leading_zeros
from .generic import judge_alone

if TYPE_CHECKING:
    from django_otp.models import Device

RESYNC_WINDOW = 100
"""Counter values ahead in which two codes in a row are looked for (RFC 4226, 7.4). Two codes of six digits each, within
a hundred places, are hit by chance once in ten thousand million tries."""

ROW = 3
"""Codes in a row that prove a token while no single one is judged. They are looked for as far ahead as two in a row are."""


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
        """Return whether the answer has the shape of one code, or of two or three in sequence. An unreadable secret has none."""
        digits = cast("HOTPDevice", device).digits
        return answer.isascii() and answer.isdigit() and len(answer) in {digits, 2 * digits, ROW * digits} and not columns.is_unreadable(device)

    def filled(self, device: Device, answer: str) -> str:
        """Return the answer with the leading zeros that a number has lost."""
        return with_leading_zeros(answer, cast("HOTPDevice", device).digits)

    def guess_probability(self, device: Device) -> float:
        """Return the chance of a guess: the codes that the device looks ahead at, among all of that length."""
        row = cast("HOTPDevice", device)
        return (row.tolerance + 1) / 10.0**row.digits

    def is_sequence(self, device: Device, answer: str) -> bool:
        """Return whether the answer has the shape of three codes in a row."""
        return self.recognizes(device, answer) and len(answer) == ROW * cast("HOTPDevice", device).digits

    @sensitive_variables("answer")
    def accepts(self, device: Device, answer: str) -> bool:
        """Return whether the answer is one of the next codes of the device, or several in a row. Nothing is written."""
        row = cast("HOTPDevice", device)
        if not self.recognizes(row, answer):
            return False
        if len(answer) > row.digits:
            return _resynchronized(row, answer) is not None
        ahead = range(row.counter, row.counter + row.tolerance + 1)
        return int(answer) in {oath.hotp(row.bin_key, at, row.digits) for at in ahead}

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Accept the next code, or several in a row from further ahead. See :meth:`Factor.judge`."""
        row = cast("HOTPDevice", device)
        is_sequence = self.is_sequence(row, answer)
        # While the device is throttled it compares nothing at all, pairs neither. Nobody guesses three in a row.
        may_jump = is_sequence or (len(answer) == 2 * row.digits and row.verify_is_allowed()[0])
        at = _resynchronized(row, answer) if may_jump else None
        if at is None and is_sequence:
            # It costs the device nothing, or strangers could make its owner wait.
            raise CounterOff
        if at is not None:
            answer = self._jump(row, at, answer)
        try:
            judge_alone(row, answer)
        except DeviceRefused:
            raise CounterOff from None

    @sensitive_variables("answer")
    def _jump(self, row: HOTPDevice, at: int, answer: str) -> str:
        """Skip over all but the last of the codes, and return that one: it is judged like any other, once, under the lock."""
        changes: dict[str, Any] = {"counter": at + len(answer) // row.digits - 1}
        if self.is_sequence(row, answer):
            changes |= {"throttling_failure_count": 0, "throttling_failure_timestamp": None}
        HOTPDevice.objects.filter(pk=row.pk, user_id=row.user_id, counter=row.counter).update(**changes)
        return answer[-row.digits :]


@sensitive_variables("answer", "codes")
def _resynchronized(row: HOTPDevice, answer: str) -> int | None:
    """Return the counter of the first of several codes in a row, None if they do not follow one another."""
    codes = [int(answer[at : at + row.digits]) for at in range(0, len(answer), row.digits)]
    for at in range(row.counter, row.counter + RESYNC_WINDOW):
        if all(oath.hotp(row.bin_key, at + step, row.digits) == code for step, code in enumerate(codes)):
            return at
    return None
