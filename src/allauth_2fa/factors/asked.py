"""Checks an answer against the code that was sent to this login, with the device's own ``verify_token``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from allauth_2fa.encryption.values import Digested, at_rest
from allauth_2fa.models.sent_codes import SentCode

if TYPE_CHECKING:
    from django_otp.models import Device

ASKED = "_allauth_2fa_asked"
"""Name of the attribute that holds the :class:`~allauth_2fa.models.SentCode` of this login, or None, while an answer is checked."""


def asked(device: Device) -> SentCode | None:
    """Return the code that the device has sent to this login; None if there is none, or if it was not looked up."""
    code = getattr(device, ASKED, None)
    return code if isinstance(code, SentCode) else None


def is_bound(device: Device) -> bool:
    """Return whether the code that was sent to this login has been looked up."""
    return hasattr(device, ASKED)


class AskedCode(Digested):
    """Replaces the ``token`` of a device. It equals the one code that was sent to this login, and no other text."""

    __slots__ = ("sent",)

    sent: SentCode

    @sensitive_variables("other")
    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and not isinstance(other, Digested) and self.sent.is_code(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


@sensitive_variables("answer", "before")
def verifies(sent: SentCode, row: Any, answer: str) -> bool:
    """Return whether the device's own ``verify_token`` accepts the answer for the code that was sent; if so, mark it as used.

    Args:
        sent: the code that was sent to this login.
        row: the device. The caller has locked its row.
        answer: the answer to check.
    """
    before = {"token": at_rest(row.token), "valid_until": row.valid_until}
    is_last = sent.is_last_of(row)
    is_usable = sent.hold() and sent.is_unused_elsewhere(row)
    row.token, row.valid_until = standing_for(sent, answer) if is_usable else None, sent.expires_at
    is_accepted: bool = row.verify_token(answer)
    if is_accepted:
        sent.use()
    if not (is_accepted and is_last):
        # The last code of the device stays valid: verify_token() has written this login's code over it.
        type(row)._base_manager.filter(pk=row.pk).update(**before)
    return is_accepted


@sensitive_variables("answer", "token")
def standing_for(sent: SentCode, answer: str) -> str:
    """Return the ``token`` for the device: the answer itself if it is right, since a model may compare it in any way."""
    if sent.is_code(answer):
        return answer
    token = AskedCode("", "", sent.device, "")
    token.sent = sent
    return token
