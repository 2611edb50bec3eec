"""The base class of factors that send codes: e-mail, SMS and a project's own channels.

The devices derive from django-otp's ``SideChannelDevice``, which stores the last code and its expiry.
:class:`~allauth_2fa.models.sent_codes.SentCode` records which code was sent to which login. An answer is compared with the
code of its own login, even if the device has sent another code in the meantime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.encryption import values
from allauth_2fa.exceptions import DeviceRefused, NotSent, Refused

from .asked import asked, is_bound
from .base import Factor, with_leading_zeros
from .generic import charge, complete_alone, judge_alone

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_otp.models import Device

USUAL_DIGITS = 6
"""Number of digits of the codes that django-otp's models make by default."""

LONGEST_CODE = 16
"""Length of the longest code that django-otp's column can hold."""


class SentCodeFactor(Factor):
    """Base class for devices that receive numeric codes. A subclass sends them."""

    icon = "message"
    rank = 60
    weaker = True
    enroll_page = "two-factor-add"
    intro = _("We send you a code each time you sign in.")
    sends_codes = True

    def ensure_reachable(self, device: Device) -> None:
        """Check that codes may be sent to the device and answered now.

        Raises:
            Refused: they may not; the exception says why.
        """

    def is_interactive(self, device: Device) -> bool:
        """Return True: a code has to be sent first."""
        return True

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer consists of digits."""
        return answer.isascii() and answer.isdigit() and len(answer) <= LONGEST_CODE

    @sensitive_variables("answer", "filled")
    def filled(self, device: Device, answer: str) -> str:
        """Return the code with its leading zeros, if it is right with them; else the answer unchanged. Models choose the length."""
        filled = with_leading_zeros(answer, USUAL_DIGITS)
        return filled if self.accepts(device, filled) else answer

    @sensitive_variables("answer", "row")
    def accepts(self, device: Device, answer: str) -> bool:
        """Return whether the answer is the code that was sent to this login, has not expired and was not used elsewhere."""
        row: Any = device
        sent = asked(device)
        if not _is_code(row, answer):
            return False
        return row.valid_until > timezone.now() if sent is None else sent.holds and sent.is_unused_elsewhere(row)

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Accept the code that was sent to this login, once, before it expires. See :meth:`Factor.judge`.

        Raises:
            NotSent: the code has expired, or was used elsewhere.
        """
        self._judge_by(judge_alone, device, answer)

    @sensitive_variables("answer")
    def complete(self, device: Device, answer: str) -> None:
        """Confirm the device with the code that was sent to it. See :meth:`Factor.complete`."""
        self._judge_by(complete_alone, device, answer)

    @sensitive_variables("answer")
    def _judge_by(self, judge: Callable[[Device, str], None], device: Any, answer: str) -> None:
        # Only the right code is refused as late. That refusal is not counted as a wrong answer.
        is_late = _is_code(device, answer) and not self.accepts(device, answer)
        try:
            self.ensure_reachable(device)
        except Refused:
            # Without this charge, answers that are refused here could be used to guess other codes free of charge.
            charge(device)
            raise
        try:
            judge(device, answer)
        except DeviceRefused as refusal:
            raise (NotSent() if is_late else refusal) from None


@sensitive_variables("answer")
def _is_code(device: Any, answer: str) -> bool:
    """Return whether the answer is the code that was sent to this login; if that was not looked up, the device's last code."""
    if is_bound(device):
        sent = asked(device)
        return sent is not None and sent.is_code(answer)
    return bool(device.token) and values.is_code(device.token, answer)
