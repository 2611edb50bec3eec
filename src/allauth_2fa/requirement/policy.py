"""Who must have a second factor, of which kind, and since when: one answer for the login, the guard and 0.x's middleware.

Nothing here knows a page. What a setting says wrongly, and a rule that breaks, holds everybody to the most.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from allauth_2fa import app_settings, compat
from allauth_2fa.audit import events
from allauth_2fa.factors import lookup, registry
from allauth_2fa.models.exemptions import Exemption, FirstMet
from allauth_2fa.sessions import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

    from allauth_2fa.factors.base import Factor

    Rule = Callable[[Any], bool]

logger = logging.getLogger("allauth_2fa.policy")

Status = Literal["free", "exempt", "satisfied", "grace", "due"]

GROUP = "group:"
"""How the name of a group is told from the other words."""

WORDS: dict[str, Rule] = {
    "nobody": lambda _user: False,
    "everyone": lambda _user: True,
    "staff": lambda user: user.is_staff,
    "superusers": lambda user: user.is_superuser,
}
"""Whom a word of the settings means. These cost no query."""


class Requirement(NamedTuple):
    """What the site asks of one user: ``status``, since when they know, when it falls due, and which factors will do.

    * ``free``: nothing is asked.
    * ``exempt``: something would be, but for an exemption.
    * ``satisfied``: the user has it.
    * ``grace``: the user has to have it at ``due_at``.
    * ``due``: the user has to have it now.
    """

    status: Status
    factors: tuple[Factor, ...] = ()
    since: datetime | None = None
    due_at: datetime | None = None

    @property
    def is_due(self) -> bool:
        """Whether the user may do nothing else before they have it."""
        return self.status == "due"

    @property
    def days_left(self) -> int:
        """How many days are left, the one that has begun counted; 0 without a date."""
        return 0 if self.due_at is None else max(0, ceil((self.due_at - timezone.now()) / timedelta(days=1)))


FREE = Requirement("free")


# Whom a setting means


def entries(said: Any) -> list[Any]:
    """Return the single entries of a setting that may hold one or several: words, groups, paths and callables."""
    return list(said) if isinstance(said, list | tuple | set | frozenset) else [said]


def is_cheap(said: Any) -> bool:
    """Return whether it costs no query, and calls no code of the project's, to know whom it means."""
    return all(isinstance(entry, str) and entry in WORDS for entry in entries(said))


def rule_of(entry: Any) -> Rule:
    """Return what tells of a user whether the entry means them.

    Raises:
        TypeError: the entry is no word, no group, no path and no callable.
        ImportError: there is nothing at the path.
    """
    if isinstance(entry, str) and entry in WORDS:
        return WORDS[entry]
    if isinstance(entry, str) and entry.startswith(GROUP):
        name = entry.removeprefix(GROUP)
        return lambda user: user.groups.filter(name=name).exists()
    rule = import_string(entry) if isinstance(entry, str) and "." in entry else entry
    if not callable(rule):
        raise TypeError(f"{entry!r} does not name a known group of users")
    return rule


def means(said: Any, user: AbstractBaseUser) -> bool:
    """Return whether a setting means this user. One that cannot be understood, or breaks, means everybody."""
    try:
        return any(bool(rule_of(entry)(user)) for entry in sorted(entries(said), key=is_cheap, reverse=True))
    except Exception:
        logger.exception("The rule %r cannot be asked about user %s, who is held to it.", said, user.pk)
        return True


def is_on() -> bool:
    """Return whether the site requires anything of anybody."""
    return any(entry != "nobody" for entry in entries(app_settings.REQUIRED))


def factors_for(user: AbstractBaseUser) -> tuple[Factor, ...]:
    """Return the factors by which the user would satisfy the site: those of the first row that means them, else all."""
    return next((_named(ids) for said, ids in app_settings.REQUIRED_FACTORS.items() if means(said, user)), registry.primaries())


def _named(ids: Collection[str]) -> tuple[Factor, ...]:
    return tuple(factor for factor in registry.primaries() if factor.id in entries(ids))


# What is known without a query


def is_sure(user: AbstractBaseUser) -> bool:
    """Return whether the settings and the session alone say that the site asks nothing more of this user."""
    said = app_settings.REQUIRED
    return (is_cheap(said) and not means(said, user)) or _is_surely_satisfied(user)


def _is_surely_satisfied(user: AbstractBaseUser) -> bool:
    factor = _proved(user)
    if factor is None:
        return False
    for said, ids in app_settings.REQUIRED_FACTORS.items():
        if is_cheap(said) and not means(said, user):
            continue
        if factor.id not in entries(ids):
            return False
        if is_cheap(said):
            break
    return True


def _proved(user: AbstractBaseUser) -> Factor | None:
    """Return the factor that has verified the session, None if it was a recovery code or nothing."""
    return registry.factor_of(user.otp_device) if verified.is_verified_by_factor(user) else None  # type: ignore[attr-defined]


# The answer


def requirement_of(user: AbstractBaseUser, *, required: bool | None = None, note: bool = True) -> Requirement:
    """Return what the site asks of the user.

    Costs no query for a user who is free by ``is_staff`` and the like, or whose session one of the wanted factors has
    verified; otherwise one for a group, one for the devices, one for exemptions, and one for the grace period.

    Args:
        user: of whom it is asked.
        required: whether anything is required of them; None: as ``ALLAUTH_2FA_REQUIRED`` says.
        note: whether to note that the requirement has met the user now, if it has not before.
    """
    if not (means(app_settings.REQUIRED, user) if required is None else required):
        return FREE
    factors = factors_for(user)
    if is_satisfied(user, factors):
        return Requirement("satisfied", factors)
    if is_exempt(user, note=note):
        return Requirement("exempt", factors)
    since = _since(user, note=note)
    due_at = falls_due(since)
    return Requirement(status_at(due_at), factors, since, due_at)


def status_at(due_at: datetime | None) -> Status:
    """Return the status of a user who lacks what is required, and of whom it falls due then."""
    return "grace" if due_at is not None and timezone.now() < due_at else "due"


def is_satisfied(user: AbstractBaseUser, factors: Sequence[Factor]) -> bool:
    """Return whether the user has one of these factors (one query, none if it has just verified the session).

    Where every factor will do, whatever the project's adapter takes for one and an authenticator of ``allauth.mfa`` will
    do as well.
    """
    if _proved(user) in factors or lookup.count(user.pk, factors):
        return True
    return set(factors) == set(registry.primaries()) and (verified.needs_challenge(user) or compat.mfa_enabled_for(user))


def is_exempt(user: AbstractBaseUser, *, note: bool = True) -> bool:
    """Return whether an exemption holds (one query). Those that have run out are announced when that is first noticed."""
    now = timezone.now()
    granted = list(Exemption.objects.filter(user_id=user.pk, ended_at=None))
    for exemption in granted:
        if note and exemption.expires_at <= now:
            end(exemption, user)
    return any(exemption.expires_at > now for exemption in granted)


def announce_exemption(exemption: Exemption, request: HttpRequest | None = None) -> None:
    """Announce an exemption that has just been granted."""
    until = exemption.expires_at.astimezone(UTC).isoformat(timespec="minutes")
    events.announce("exempted", exemption.user, request=request, actor=exemption.granted_by, reason=exemption.reason, until=until)


def end(exemption: Exemption, user: AbstractBaseUser, **who: Any) -> bool:
    """End the exemption, announce it once, and return whether it was not ended before.

    Args:
        exemption: which one.
        user: whose it is.
        who: ``request`` and ``actor``, as :func:`~allauth_2fa.audit.events.announce` takes them.
    """
    now = min(timezone.now(), exemption.expires_at)
    if not Exemption.objects.filter(pk=exemption.pk, ended_at=None).update(ended_at=now):
        return False
    events.announce("exemption_ended", user, reason=exemption.reason, **who)
    return True


def required_from() -> datetime | None:
    """Return the moment from which the site requires anything, None for always. A day begins in the site's time zone."""
    said = app_settings.REQUIRED_FROM
    if said is None:
        return None
    moment = said if isinstance(said, datetime) else datetime.combine(said, time.min)
    zone = timezone.get_default_timezone()
    if not settings.USE_TZ:
        return moment if timezone.is_naive(moment) else timezone.make_naive(moment, zone)
    return timezone.make_aware(moment, zone) if timezone.is_naive(moment) else moment


def _since(user: AbstractBaseUser, *, note: bool) -> datetime | None:
    """Return since when the user knows of the requirement, None where the site gives no time anyway."""
    if not app_settings.GRACE_PERIOD:
        return None
    noted = FirstMet.objects.filter(user_id=user.pk).values_list("since", flat=True)
    return FirstMet.since_when(user.pk) if note else noted.first() or timezone.now()


def falls_due(since: datetime | None) -> datetime | None:
    """Return when the requirement falls due for a user whom it first met then, or meets now (None); None: at any time."""
    start, grace = required_from(), timedelta(days=app_settings.GRACE_PERIOD)
    if not grace:
        return start
    end = (since or timezone.now()) + grace
    return max(start, end) if start else end


# Taking devices away


def is_held(user: AbstractBaseUser) -> bool:
    """Return whether the user has to keep a second factor that they have, as long as there is a grace for others, too."""
    start = required_from()
    in_force = is_on() and (start is None or start <= timezone.now())
    return in_force and means(app_settings.REQUIRED, user) and not is_exempt(user)


def may_remove(device: Device) -> bool:
    """Return whether the owner would satisfy the site without the device as they do with it.

    The caller holds the user's turn, so that of two devices that go at once one stays.
    """
    if not is_on() or not is_held(device.user):
        return True
    wanted = factors_for(device.user)
    left = lookup.count(device.user_id, wanted) - (registry.factor_of(device) in wanted)
    return left > 0 or (registry.factor_of(device) not in wanted and lookup.count_primary(device.user_id) > 1)
