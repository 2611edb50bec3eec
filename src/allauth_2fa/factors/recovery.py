"""Recovery codes that are stored as digests, on this package's own device."""

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
    """Single-use codes for the day on which the phone is gone."""

    id = "recovery_codes"
    label = _("recovery code")
    icon = "list"
    primary = False
    rank = 80

    @property
    def model(self) -> type[RecoveryDevice]:
        """The django-otp model of this factor's devices."""
        return RecoveryDevice

    def is_guess(self, answer: str) -> bool:
        """Tell that nobody guesses 80 bits: recovery codes stay usable when nothing else is."""
        return False

    def recognizes_text(self, answer: str) -> bool:
        """Return whether the answer has the shape of a recovery code."""
        return is_recovery_code(answer)

    @sensitive_variables("answer", "digest")
    def judge(self, device: Device, answer: str) -> None:
        """Spend the code, or raise what it is instead. See :meth:`Factor.judge`."""
        row = cast("RecoveryDevice", device)
        digest = row.digest_of(answer)
        if digest is None or not row.spend(digest):
            raise RecoveryCodeUsed if digest and row.has_spent(digest) else RecoveryCodeRefused

    def renew(self, user: AbstractBaseUser, number: int) -> list[str]:
        """Void the user's codes and make ``number`` new ones, returned readable for the only time."""
        return RecoveryDevice.renew(user.pk, number)

    def unused(self, user: AbstractBaseUser) -> QuerySet[RecoveryCode]:
        """Return the user's codes that have not been spent."""
        return unused(user.pk, timezone.now())

    def issue(self, user: AbstractBaseUser, expires_at: datetime) -> str:
        """Make one more code, which counts until then, and return it readable for the only time."""
        return RecoveryDevice.issue(user.pk, expires_at)


def unused(user_id: Any, now: Any) -> QuerySet[RecoveryCode]:
    """Return the codes of the user of that key that have not been spent, and are in time then."""
    in_time = Q(expires_at=None) | Q(expires_at__gt=now)
    return RecoveryCode.objects.filter(in_time, device__user_id=user_id, device__confirmed=True, used_at=None)
