"""django-otp's static tokens: the recovery codes of 0.x, and those of sites that store recovery codes readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.db import transaction
from django.db.models import Exists, OuterRef, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from allauth_2fa.exceptions import NothingEnrolled, RecoveryCodeRefused, RecoveryCodeUsed, Throttled
from allauth_2fa.models import lock_user
from allauth_2fa.statements import Fact, Given

from .base import Factor, clean_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django_otp.models import Device

DEVICE_NAME = "backup"
"""The name that 0.x gave to the device with its tokens. Nothing here depends on it."""

TOKEN_LENGTH = 16
"""Length of django-otp's column in characters."""

ROUNDS = 8
"""See :data:`allauth_2fa.factors.totp.ROUNDS`."""


def spellings(answer: str) -> set[str]:
    """Return the tokens that an answer may stand for. Tokens are free text; those of 0.x are lower-case letters."""
    if "\0" in answer:
        return set()
    typed, cleaned = answer.strip(), clean_answer(answer)
    return {spelling for spelling in (typed, cleaned, cleaned.lower()) if 0 < len(spelling) <= TOKEN_LENGTH}


SPELLINGS = 3
"""How many there are of one answer at the most."""


def _is_none() -> Value:
    return Value(value=False)


@sensitive_variables("spellings")
def _is_one(user: Any, spellings: Sequence[Any]) -> Exists:
    return Exists(StaticToken.objects.filter(device__user_id=user, device__confirmed=True, token__in=spellings))


class StaticFactor(Factor):
    """Readable single-use tokens. They are throttled as in django-otp, since they are short enough to be guessed."""

    id = "static"
    api_type = "recovery_codes"
    label = _("recovery code")
    icon = "list"
    primary = False
    rank = 81

    @property
    def model(self) -> type[StaticDevice]:
        """The django-otp model of this factor's devices."""
        return StaticDevice

    @sensitive_variables("answer")
    def is_guess(self, answer: str) -> bool:
        """Return whether the answer consists of digits, which could also be a guess at a code of another device.

        The tokens of django-otp have letters and 40 bits. Their own throttling is enough, so no budget limits them.
        """
        return clean_answer(answer).isdigit()

    @sensitive_variables("answer")
    def holds(self, user: AbstractBaseUser, answer: str) -> Fact:
        """Return what tells a query whether one of the tokens of the user equals the answer."""
        if not spellings(answer):
            return Fact(_is_none)
        spelled = Given(StaticToken, "token", sorted(spellings(answer)), slots=SPELLINGS)
        return Fact(_is_one, {"user": Given(StaticDevice, "user", user.pk), "spellings": spelled})

    @sensitive_variables("answer", "holds", "mine")
    def addressed(self, user: AbstractBaseUser, answer: str) -> StaticDevice | None:
        """Return the device that has this token, or else the user's first device; None if the user has none.

        Wrong answers are counted on the first device. While that one is throttled, it is always returned.
        """
        holds = Exists(StaticToken.objects.filter(device=OuterRef("pk"), token__in=spellings(answer)))
        mine = StaticDevice.objects.filter(user_id=user.pk, confirmed=True)
        devices = list(mine.annotate(holds=holds).order_by("pk"))
        if not devices or not devices[0].verify_is_allowed()[0]:
            return devices[0] if devices else None
        return next((device for device in devices if device.holds), devices[0])

    def charge(self, device: StaticDevice) -> None:
        """Count a wrong answer that another device has judged: once for all that come at once, as when they are judged here.

        Raises:
            Throttled: another wrong answer was counted in the meantime, so this one would not have been checked.
        """
        if not self._count_failure(device):
            raise Throttled

    @sensitive_variables("answer", "token")
    def judge(self, device: Device, answer: str) -> None:
        """Use up the token. See :meth:`Factor.judge`.

        Raises:
            RecoveryCodeUsed: another request has used the token in the meantime.
            RecoveryCodeRefused: it is not a token of this device.
            Throttled: the device is throttled.
            NothingEnrolled: the device has been removed in the meantime.
        """
        row = cast("StaticDevice", device)
        was_there = False
        for _round in range(ROUNDS):
            allowed, facts = row.verify_is_allowed()
            if not allowed:
                raise Throttled((facts or {}).get("locked_until"))
            token = StaticToken.objects.filter(device_id=row.pk, token__in=spellings(answer)).first()
            if token is None and was_there:
                raise RecoveryCodeUsed
            if token is None and self._count_failure(row):
                raise RecoveryCodeRefused
            if token is not None and self._spend(row, token):
                return
            was_there = was_there or token is not None
            self._reload(row)
        raise Throttled

    def _reload(self, row: StaticDevice) -> None:
        try:
            row.refresh_from_db()
        except StaticDevice.DoesNotExist:
            raise NothingEnrolled from None
        if not row.confirmed:
            raise NothingEnrolled

    def _unchanged(self, row: StaticDevice) -> dict[str, object]:
        """Return the filter that matches the row only if no answer was counted on it since it was read."""
        facts: dict[str, object] = {"pk": row.pk, "confirmed": True}
        return facts | ({"throttling_failure_count": row.throttling_failure_count} if row.throttling_enabled else {})

    def _spend(self, row: StaticDevice, token: StaticToken) -> bool:
        changes = {"throttling_failure_count": 0, "throttling_failure_timestamp": None, "last_used_at": timezone.now()}
        with transaction.atomic():
            if not StaticDevice.objects.filter(**self._unchanged(row)).update(**changes):
                return False
            # The row count decides: if two requests have read the same token, only one of them deletes it.
            spent, _by_model = StaticToken.objects.filter(pk=token.pk).delete()
        return bool(spent)

    def _count_failure(self, row: StaticDevice) -> bool:
        changes = {"throttling_failure_count": row.throttling_failure_count + 1, "throttling_failure_timestamp": timezone.now()}
        return bool(StaticDevice.objects.filter(**self._unchanged(row)).update(**changes))

    @sensitive_variables("fresh")
    def renew(self, user: AbstractBaseUser, number: int) -> list[StaticToken]:
        """Delete the user's tokens and make ``number`` new ones, which are readable in the database as in 0.x."""
        with transaction.atomic(savepoint=False):
            lock_user(user.pk)
            device = StaticDevice.objects.filter(user_id=user.pk).order_by("pk").first()
            device = device or StaticDevice.objects.create(user_id=user.pk, name=DEVICE_NAME)
            # Lock the device before its tokens, in the same order as judge(), so that there is no deadlock.
            StaticDevice.objects.filter(pk=device.pk).update(confirmed=True)
            self.invalidate(user)
            fresh = [StaticToken(device=device, token=StaticToken.random_token()) for _ in range(number)]
            return StaticToken.objects.bulk_create(fresh)

    def unused(self, user: AbstractBaseUser) -> QuerySet[StaticToken]:
        """Return the user's tokens; a spent one is deleted."""
        return StaticToken.objects.filter(device__user_id=user.pk, device__confirmed=True).order_by("pk")

    def invalidate(self, user: AbstractBaseUser) -> None:
        """Delete the user's tokens and keep the devices."""
        StaticToken.objects.filter(device__user_id=user.pk).delete()
