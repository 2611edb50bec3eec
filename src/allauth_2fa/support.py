"""What support does for a user who lost their devices. Secrets are never shown, a reason is asked for, and the owner is told."""

from __future__ import annotations

from datetime import timedelta
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.audit import events
from allauth_2fa.budget import charging
from allauth_2fa.devices import manage, staff, turn_off
from allauth_2fa.requirement import policy, report
from allauth_2fa.sessions import ending

from .factors import lookup, registry
from .models import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.base_user import AbstractBaseUser

    from allauth_2fa.factors.base import Factor

CODE_HOURS = 24
"""Hours for which an issued code counts, unless support says otherwise: long enough for a phone call, and a night's sleep."""

MOST_CODE_HOURS = 7 * 24
"""The longest time, in hours: OWASP ASVS 5.0 (6.4.1) asks for generated codes that are short-lived."""


def find(name: str) -> AbstractBaseUser:
    """Return the user of that name, as typed at the login.

    Raises:
        LookupError: there is none.
    """
    model: Any = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist:
        raise LookupError(name) from None


def reset(user: AbstractBaseUser, actor: Any, reason: str) -> None:
    """Remove all factors of the user and what stands in for them, forget their browsers, and end their sessions.

    Args:
        user: whose factors they are.
        actor: who does it; see :func:`console`.
        reason: goes to the audit log.
    """
    staff.ensure_may(actor, user)
    with transaction.atomic():
        before = turn_off.remove_all(user, actor=actor)
        # With what was counted in them: what is set up from now on has other codes.
        Browser.all_rows.filter(user_id=user.pk).delete()
        events.announce("reset_by_support", user, actor=actor, reason=reason)
    ending.end_all(user, "support", actor=actor, before=before)


@sensitive_variables("code")
def issue_code(user: AbstractBaseUser, actor: Any, reason: str, hours: float = CODE_HOURS) -> str:
    """Make one recovery code that expires, and return it, to be read to its owner over the phone.

    Raises:
        LookupError: the user has no second factor, and needs no code to sign in, or may not answer by one.
    """
    staff.ensure_may(actor, user)
    if not lookup.has_primary(user) or not manage.is_allowed(user, registry.recovery):
        raise LookupError(user.get_username())
    until = timezone.now() + timedelta(hours=hours)
    with transaction.atomic():
        code = registry.recovery.issue(user, until)
        events.announce("code_issued_by_support", user, actor=actor, reason=reason, until=until.isoformat(timespec="minutes"))
    return code


def unlock(user: AbstractBaseUser, actor: Any, reason: str, how: str) -> list[str]:
    """Open what is locked for the user and forget what was counted; return the names of the budgets that were locked.

    Args:
        user: whose codes are judged again.
        actor: who does it; see :func:`console`.
        reason: goes to the audit log.
        how: "command" or "admin".

    Raises:
        LookupError: nothing is locked or counted, and nobody is told anything.
    """
    staff.ensure_may(actor, user)
    names = [budget.scope for budget in charging.locked(user)]
    if not charging.unlock(user, how, reason, actor=actor):
        raise LookupError(user.get_username())
    return names


# How it stands


def users() -> Any:
    """Return the active users. Nobody else can log in."""
    model: Any = get_user_model()
    return model._default_manager.filter(is_active=True) if _has_field(model, "is_active") else model._default_manager.all()


def _has_field(model: Any, name: str) -> bool:
    return any(field.name == name for field in model._meta.get_fields())


def holding() -> Q:
    """Return the condition that a user holds a factor."""
    return reduce(or_, (Q(pk__in=_owners(factor)) for factor in registry.primaries()))


def _owners(factor: Factor) -> Any:
    return factor.model.objects.filter(confirmed=True).order_by().values("user_id")


def counts() -> dict[str, Any]:
    """Return how many active users there are, how many hold a factor, and of which kind and in which group."""
    everybody = users()
    holders = everybody.filter(holding())
    by_group = dict(_by_group(everybody, holders))
    requirement = report.count(everybody)
    if policy.is_on():
        must = sum(requirement[status] for status in ("satisfied", "grace", "due"))
        by_group["required"] = {"users": must, "with_factor": requirement["satisfied"]}
    return {
        "users": everybody.count(),
        "with_factor": holders.count(),
        "by_factor": dict(_by_factor(everybody)),
        "by_group": by_group,
        "requirement": requirement,
    }


def _by_factor(everybody: Any) -> Iterator[tuple[str, int]]:
    for factor in registry.factors():
        yield factor.id, everybody.filter(pk__in=_owners(factor)).count()


def _by_group(everybody: Any, holders: Any) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield staff and superusers, and each group by its name, with how many there are and how many hold a factor."""
    model = get_user_model()
    for name in filter(partial(_has_field, model), ("is_staff", "is_superuser")):
        yield name.removeprefix("is_"), _pair(everybody.filter(**{name: True}), holders.filter(**{name: True}))
    for group in Group.objects.order_by("name") if _has_field(model, "groups") else ():
        yield f"group {group.name}", _pair(everybody.filter(groups=group), holders.filter(groups=group))


def _pair(everybody: Any, holders: Any) -> dict[str, int]:
    return {"users": everybody.count(), "with_factor": holders.count()}
