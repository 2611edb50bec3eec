"""django-otp's static tokens: the recovery codes of 0.x, and those that a site made readable on purpose."""

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
"""The name by which 0.x knew the device that holds the tokens it made. Nothing here depends on it."""

TOKEN_LENGTH = 16
"""Characters of django-otp's column."""

ROUNDS = 8
"""See :data:`allauth_2fa.factors.totp.ROUNDS`."""


def spellings(answer: str) -> set[str]:
    """Return what a token may be that was typed like this. Tokens are free text, those of 0.x are small letters."""
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
    """Readable single-use tokens, throttled as django-otp throttles them: they are short enough to be guessed."""

    id = "static"
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
        """Return whether the answer is made of digits: whoever tries it is guessing at an app too.

        Those of django-otp have letters and 40 bits. Their own throttling is enough, and no budget limits them.
        """
        return clean_answer(answer).isdigit()

    @sensitive_variables("answer")
    def holds(self, user: AbstractBaseUser, answer: str) -> Fact:
        """Return what says whether one of the user's tokens reads like the answer."""
        if not spellings(answer):
            return Fact(_is_none)
        spelled = Given(StaticToken, "token", sorted(spellings(answer)), slots=SPELLINGS)
        return Fact(_is_one, {"user": Given(StaticDevice, "user", user.pk), "spellings": spelled})

    @sensitive_variables("answer", "holds", "mine")
    def addressed(self, user: AbstractBaseUser, answer: str) -> StaticDevice | None:
        """Return the device that an answer is for: the one that holds it, else the user's first, None without any.

        The first pays for wrong answers, so while it is throttled it alone is asked.
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
            Throttled: another one was counted meanwhile, and this one would not have been tried any more.
        """
        if not self._count_failure(device):
            raise Throttled

    @sensitive_variables("answer", "token")
    def judge(self, device: Device, answer: str) -> None:
        """Spend the token, or raise what it is instead. See :meth:`Factor.judge`."""
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
        """Return the condition that nobody has answered to this device since it was read."""
        facts: dict[str, object] = {"pk": row.pk, "confirmed": True}
        return facts | ({"throttling_failure_count": row.throttling_failure_count} if row.throttling_enabled else {})

    def _spend(self, row: StaticDevice, token: StaticToken) -> bool:
        changes = {"throttling_failure_count": 0, "throttling_failure_timestamp": None, "last_used_at": timezone.now()}
        with transaction.atomic():
            if not StaticDevice.objects.filter(**self._unchanged(row)).update(**changes):
                return False
            # Its row count is the verdict: of two who read the same token, one deletes it.
            spent, _by_model = StaticToken.objects.filter(pk=token.pk).delete()
        return bool(spent)

    def _count_failure(self, row: StaticDevice) -> bool:
        changes = {"throttling_failure_count": row.throttling_failure_count + 1, "throttling_failure_timestamp": timezone.now()}
        return bool(StaticDevice.objects.filter(**self._unchanged(row)).update(**changes))

    @sensitive_variables("fresh")
    def renew(self, user: AbstractBaseUser, number: int) -> list[StaticToken]:
        """Void the user's tokens and make ``number`` new ones, readable in the database as in 0.x."""
        with transaction.atomic():
            lock_user(user.pk)
            device = StaticDevice.objects.filter(user_id=user.pk).order_by("pk").first()
            device = device or StaticDevice.objects.create(user_id=user.pk, name=DEVICE_NAME)
            # First the device, then its tokens, in the order in which an answer takes them: nobody waits in a circle.
            StaticDevice.objects.filter(pk=device.pk).update(confirmed=True)
            self.void(user)
            fresh = [StaticToken(device=device, token=StaticToken.random_token()) for _ in range(number)]
            return StaticToken.objects.bulk_create(fresh)

    def unused(self, user: AbstractBaseUser) -> QuerySet[StaticToken]:
        """Return the user's tokens; a spent one is deleted."""
        return StaticToken.objects.filter(device__user_id=user.pk, device__confirmed=True).order_by("pk")

    def void(self, user: AbstractBaseUser) -> None:
        """Delete the user's tokens, and leave the devices."""
        StaticToken.objects.filter(device__user_id=user.pk).delete()
