"""Codes that a device is sent: what e-mail, SMS and a project's own side channels have in common.

The devices derive from django-otp's ``SideChannelDevice``, which keeps the code that was sent last, and until when it
holds. Which login was sent which code is in :class:`~allauth_2fa.models.sent_codes.SentCode`: that one is what its answer is
compared with, whatever was sent to others meanwhile.
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
"""Digits of the codes that django-otp's models make, unless a model says otherwise."""

LONGEST_CODE = 16
"""Digits of the longest code that django-otp's column holds."""


class SentCodeFactor(Factor):
    """Serves devices that are sent a code of digits. A subclass says where to."""

    icon = "message"
    rank = 60
    weaker = True
    enroll_page = "two-factor-add"
    intro = _("A code is sent to you each time you sign in.")
    sends_codes = True

    def ensure_reachable(self, device: Device) -> None:
        """Check that the device may be sent codes, and answered for, as things are now.

        Raises:
            Refused: it may not; the exception says why.
        """

    def is_interactive(self, device: Device) -> bool:
        """Tell that a code has to be sent first."""
        return True

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer is made of digits."""
        return answer.isascii() and answer.isdigit() and len(answer) <= LONGEST_CODE

    @sensitive_variables("answer", "filled")
    def filled(self, device: Device, answer: str) -> str:
        """Return the code that was sent, for one that lacks the leading zeros a number has lost. The length is the model's business."""
        filled = with_leading_zeros(answer, USUAL_DIGITS)
        return filled if self.accepts(device, filled) else answer

    @sensitive_variables("answer", "row")
    def accepts(self, device: Device, answer: str) -> bool:
        """Return whether the answer is the code that this login was sent, and still holds."""
        row: Any = device
        sent = asked(device)
        return (row.valid_until if sent is None else sent.expires_at) > timezone.now() and _is_code(row, answer)

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Accept the code that this login was sent, once, while it holds. See :meth:`Factor.judge`."""
        self._judge_by(judge_alone, device, answer)

    @sensitive_variables("answer")
    def complete(self, device: Device, answer: str) -> None:
        """Confirm the device by the code that was sent to it. See :meth:`Factor.complete`."""
        self._judge_by(complete_alone, device, answer)

    @sensitive_variables("answer")
    def _judge_by(self, judge: Callable[[Device, str], None], device: Any, answer: str) -> None:
        # A wrong one is a wrong one, late or not: what is refused as late is not counted against anybody.
        is_late = _is_code(device, answer) and not self.accepts(device, answer)
        try:
            self.ensure_reachable(device)
        except Refused:
            # Beside a device that refuses for nothing, other things could be guessed for nothing.
            charge(device)
            raise
        try:
            judge(device, answer)
        except DeviceRefused as refusal:
            raise (NotSent() if is_late else refusal) from None


@sensitive_variables("answer")
def _is_code(device: Any, answer: str) -> bool:
    """Return whether the answer is the code that this login was sent, or that the device holds where nobody has looked."""
    if is_bound(device):
        sent = asked(device)
        return sent is not None and sent.is_code(answer)
    return bool(device.token) and values.is_code(device.token, answer)
