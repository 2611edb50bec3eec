"""Recovery codes that are stored as digests, with this package's own device model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.exceptions import RecoveryCodeRefused, RecoveryCodeUsed
from allauth_2fa.models import RecoveryCode, RecoveryDevice, is_recovery_code

from .base import Factor

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django_otp.models import Device


class RecoveryFactor(Factor):
    """Single-use codes for users who have lost their other devices."""

    id = api_type = "recovery_codes"
    label = _("recovery code")
    icon = "list"
    primary = False
    rank = 80

    @property
    def model(self) -> type[RecoveryDevice]:
        """The django-otp model of this factor's devices."""
        return RecoveryDevice

    def is_guess(self, answer: str) -> bool:
        """Return False: a code of 80 bits cannot be guessed, so recovery codes stay usable while other codes are locked."""
        return False

    def recognizes_text(self, answer: str) -> bool:
        """Return whether the answer has the format of a recovery code."""
        return is_recovery_code(answer)

    @sensitive_variables("answer", "digest")
    def judge(self, device: Device, answer: str) -> None:
        """Use up the code. See :meth:`Factor.judge`.

        Raises:
            RecoveryCodeUsed: the code has been used before.
            RecoveryCodeRefused: it is not a code of this user.
        """
        row = cast("RecoveryDevice", device)
        digest = row.digest_of(answer)
        if digest is None or not row.spend(digest):
            raise RecoveryCodeUsed if digest and row.has_spent(digest) else RecoveryCodeRefused

    def renew(self, user: AbstractBaseUser, number: int) -> list[str]:
        """Invalidate the user's codes, and return ``number`` new ones. They cannot be read again later."""
        return RecoveryDevice.renew(user.pk, number)

    def unused(self, user: AbstractBaseUser) -> QuerySet[RecoveryCode]:
        """Return the codes of the user that are neither used nor expired."""
        return unused(user.pk, timezone.now())

    def issue(self, user: AbstractBaseUser, expires_at: datetime) -> str:
        """Make one more code, which is valid until ``expires_at``, and return it. It cannot be read again later."""
        return RecoveryDevice.issue(user.pk, expires_at)


def unused(user_id: Any, now: Any) -> QuerySet[RecoveryCode]:
    """Return the codes of the user of that key that have not been spent, and are in time then."""
    in_time = Q(expires_at=None) | Q(expires_at__gt=now)
    return RecoveryCode.objects.filter(in_time, device__user_id=user_id, device__confirmed=True, used_at=None)
