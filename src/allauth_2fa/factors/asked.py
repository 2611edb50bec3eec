"""The code that the login which is answering was sent, in the hands of the device that judges the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from allauth_2fa.encryption.values import Digested, at_rest
from allauth_2fa.models.sent_codes import SentCode

if TYPE_CHECKING:
    from django_otp.models import Device

ASKED = "_allauth_2fa_asked"
"""What a device bears while it is answered for: the :class:`~allauth_2fa.models.SentCode` of the login, or None."""


def asked(device: Device) -> SentCode | None:
    """Return the code that the device has sent for the login that is answering, None if there is none, or nobody has looked."""
    code = getattr(device, ASKED, None)
    return code if isinstance(code, SentCode) else None


def is_bound(device: Device) -> bool:
    """Return whether somebody has looked for what the login that is answering was sent."""
    return hasattr(device, ASKED)


class AskedCode(Digested):
    """Stands where django-otp keeps the code of a device. It equals the one code that a login was sent, and no other text."""

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
    """Let the device's own ``verify_token`` judge the answer against the code that was sent, and use that up.

    Args:
        sent: the code of the login that is answering.
        row: the device, of which nobody else can write the row.
        answer: what was given back.
    """
    before = {"token": at_rest(row.token), "valid_until": row.valid_until}
    row.token, row.valid_until = standing_for(sent, answer) if sent.hold() else None, sent.expires_at
    if row.verify_token(answer):
        sent.use()
        return True
    # What the device has sent last is another login's: django-otp has put this one's in its place.
    type(row)._base_manager.filter(pk=row.pk).update(**before)  # noqa: SLF001 - Django documents it
    return False


@sensitive_variables("answer", "token")
def standing_for(sent: SentCode, answer: str) -> str:
    """Return what stands for the code in the device: the answer if that is right, since a model may compare it in any way."""
    if sent.is_code(answer):
        return answer
    token = AskedCode("", "", sent.device, "")
    token.sent = sent
    return token
