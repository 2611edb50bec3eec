"""Counter-based codes of hardware tokens (HOTP, RFC 4226), with django-otp's own device model."""

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
"""Number of counter values ahead that are searched for two consecutive codes (RFC 4226, 7.4). Two codes of six digits each
match by chance once in ten thousand million attempts."""

SEQUENCE_LENGTH = 3
"""Number of consecutive codes that are accepted while single codes are blocked."""


class HotpFactor(Factor):
    """Hardware tokens with a button. The device's ``tolerance`` is the look-ahead window.

    A token whose counter has run too far ahead is synchronized again with two consecutive codes, typed one after the other
    into the same field.
    """

    id = "hotp"
    label = _("hardware token")
    heading = _("Add a hardware token")
    icon = "token"
    rank = 20

    @property
    def model(self) -> type[HOTPDevice]:
        """The django-otp model of this factor's devices."""
        return HOTPDevice

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer has the format of one, two or three consecutive codes; False if the secret is unreadable."""
        digits = cast("HOTPDevice", device).digits
        return (
            answer.isascii()
            and answer.isdigit()
            and len(answer) in {digits, 2 * digits, SEQUENCE_LENGTH * digits}
            and not columns.is_unreadable(device)
        )

    def filled(self, device: Device, answer: str) -> str:
        """Return the answer with the leading zeros that a number has lost."""
        return with_leading_zeros(answer, cast("HOTPDevice", device).digits)

    def guess_probability(self, device: Device) -> float:
        """Return the number of codes in the look-ahead window divided by the number of possible codes."""
        row = cast("HOTPDevice", device)
        return (row.tolerance + 1) / 10.0**row.digits

    def is_sequence(self, device: Device, answer: str) -> bool:
        """Return whether the answer has the format of three consecutive codes."""
        return self.recognizes(device, answer) and len(answer) == SEQUENCE_LENGTH * cast("HOTPDevice", device).digits

    @sensitive_variables("answer")
    def accepts(self, device: Device, answer: str) -> bool:
        """Return whether the answer is one of the device's next codes or a sequence of them. Nothing is written."""
        row = cast("HOTPDevice", device)
        if not self.recognizes(row, answer):
            return False
        if len(answer) > row.digits:
            return _resynchronized(row, answer) is not None
        ahead = range(row.counter, row.counter + row.tolerance + 1)
        return int(answer) in {oath.hotp(row.bin_key, at, row.digits) for at in ahead}

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Accept one of the next codes, or consecutive codes from further ahead. See :meth:`Factor.judge`.

        Raises:
            CounterOff: the answer is wrong; the counter may have run ahead.
        """
        row = cast("HOTPDevice", device)
        is_sequence = self.is_sequence(row, answer)
        # A throttled device checks neither single codes nor pairs. Three consecutive codes cannot be guessed.
        may_jump = is_sequence or (len(answer) == 2 * row.digits and row.verify_is_allowed()[0])
        at = _resynchronized(row, answer) if may_jump else None
        if at is None and is_sequence:
            # It does not throttle the device, or strangers could make its owner wait.
            raise CounterOff
        if at is not None:
            answer = self._jump(row, at, answer)
        try:
            judge_alone(row, answer)
        except DeviceRefused:
            raise CounterOff from None

    @sensitive_variables("answer")
    def _jump(self, row: HOTPDevice, at: int, answer: str) -> str:
        """Move the counter to the last of the codes, and return that code, which is then checked like a single one."""
        changes: dict[str, Any] = {"counter": at + len(answer) // row.digits - 1}
        if self.is_sequence(row, answer):
            changes |= {"throttling_failure_count": 0, "throttling_failure_timestamp": None}
        HOTPDevice.objects.filter(pk=row.pk, user_id=row.user_id, counter=row.counter).update(**changes)
        return answer[-row.digits :]


@sensitive_variables("answer", "codes")
def _resynchronized(row: HOTPDevice, answer: str) -> int | None:
    """Return the counter value of the first of the codes, None if they are not consecutive codes of the device."""
    codes = [int(answer[at : at + row.digits]) for at in range(0, len(answer), row.digits)]
    for at in range(row.counter, row.counter + RESYNC_WINDOW):
        if all(oath.hotp(row.bin_key, at + step, row.digits) == code for step, code in enumerate(codes)):
            return at
    return None
