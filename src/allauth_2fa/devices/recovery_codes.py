"""Recovery codes: making them, showing them once, counting what is left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Func, IntegerField, Subquery
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from allauth_2fa import app_settings
from allauth_2fa.audit import events
from allauth_2fa.factors import lookup, recovery, registry
from allauth_2fa.models import RecoveryCode
from allauth_2fa.state.session import SessionState
from allauth_2fa.statements import Fact, Given

from . import deletion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.db.models.expressions import CombinedExpression
    from django.http import HttpRequest
    from django_otp.models import Device

FEW = 3
"""With fewer codes left than this the user is told to make new ones: one is lost, one is used, and none is left."""


class ShownCode:
    """A code as the pages show it: ``{{ code.token }}``, as django-otp's static tokens have it."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __str__(self) -> str:
        return self.token


def codes_pending(request: HttpRequest) -> bool:
    """Return whether this session has just enrolled its first factor and has not been shown codes yet."""
    return SessionState(request.session, request.user).codes_pending


@sensitive_variables("codes")
def renew(request: HttpRequest, user: AbstractBaseUser) -> Sequence[ShownCode]:
    """Invalidate all of the user's codes and make ``ALLAUTH_2FA_BACKUP_TOKENS_NUMBER`` new ones, both or neither.

    They are stored as digests, and the returned ones are the only readable copy. With
    ``ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS`` they are django-otp's readable static tokens, as in 0.x.
    """
    SessionState(request.session, user).codes_pending = False
    with transaction.atomic():
        codes = _renew(user, app_settings.BACKUP_TOKENS_NUMBER)
        events.announce("recovery_codes_made", user, request=request, number=len(codes))
    return codes


@sensitive_variables("codes")
def _renew(user: AbstractBaseUser, number: int) -> Sequence[ShownCode]:
    if app_settings.ALWAYS_REVEAL_BACKUP_TOKENS:
        # It locks the user first: what is deleted next is looked up before.
        tokens = registry.static.renew(user, number)
        deletion.delete(registry.recovery.model.objects.filter(user_id=user.pk))
        return [ShownCode(token.token) for token in tokens]
    codes = registry.recovery.renew(user, number)
    registry.static.invalidate(user)
    return [ShownCode(code) for code in codes]


def readable(user: AbstractBaseUser) -> Sequence[ShownCode]:
    """Return the user's unused codes that the database holds readable."""
    return [ShownCode(token.token) for token in registry.static.unused(user)]


def left(user: AbstractBaseUser) -> int:
    """Return how many unused codes the user has, hashed and readable ones together (one query)."""
    readable_ones = registry.static.unused(user).order_by().values_list("pk")
    return registry.recovery.unused(user).values_list("pk").union(readable_ones, all=True).count()


def total(user: AbstractBaseUser) -> int:
    """Return how many codes were made for the user that are still stored: used ones too, unless they were readable (two queries)."""
    hashed = RecoveryCode.objects.filter(device__user_id=user.pk, device__confirmed=True)
    return hashed.count() + registry.static.unused(user).count()


def store_of(user: AbstractBaseUser) -> Device | None:
    """Return the device that holds the user's codes, hashed or else readable ones; None if none were made."""
    return registry.recovery.devices(user).first() or registry.static.devices(user).first()


def left_fact(user: AbstractBaseUser) -> Fact:
    """Return what reads the same number along with the devices."""
    now = Given(RecoveryCode, "expires_at", timezone.now())
    return Fact(_left, {"user": lookup.owner(user.pk), "now": now})


def _left(user: Any, now: Any) -> CombinedExpression:
    whose: Any = SimpleNamespace(pk=user)
    return _counted(recovery.unused(user, now)) + _counted(registry.static.unused(whose))


def _counted(rows: QuerySet) -> Subquery:
    # An aggregate of Django's would bring a GROUP BY, which gives no row where there is nothing to count.
    return Subquery(rows.order_by().values(number=Func("pk", function="COUNT")), output_field=IntegerField())


def are_few(left: int) -> bool:
    """Return whether so few codes are left that the user should make new ones.

    Where fewer than :data:`FEW` are made at a time, that is from the first one that was used.
    """
    return left < min(FEW, app_settings.BACKUP_TOKENS_NUMBER)


def is_recovery(device: Device) -> bool:
    """Return whether the device stands in for a factor that is gone."""
    factor = registry.factor_of(device)
    return factor is not None and not factor.primary
