"""Who must have a second factor, of which kind, and since when: one answer for the login, the guard and 0.x's middleware.

Nothing here knows a page. A wrong setting and a rule that fails require a factor of everybody.
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
"""The prefix of a group's name in the settings."""

WORDS: dict[str, Rule] = {
    "nobody": lambda _user: False,
    "everyone": lambda _user: True,
    "staff": lambda user: user.is_staff,
    "superusers": lambda user: user.is_superuser,
}
"""The users that each word of the settings means. No word costs a query."""


class Requirement(NamedTuple):
    """What the site asks of one user: ``status``, since when they know, when it falls due, and which factors will do.

    * ``free``: nothing is required.
    * ``exempt``: the user is exempt from what is required.
    * ``satisfied``: the user has what is required.
    * ``grace``: the user must have it from ``due_at`` on.
    * ``due``: the user must have it now.
    """

    status: Status
    factors: tuple[Factor, ...] = ()
    since: datetime | None = None
    due_at: datetime | None = None

    @property
    def is_due(self) -> bool:
        """Whether the user must set it up before anything else."""
        return self.status == "due"

    @property
    def days_left(self) -> int:
        """The number of days that are left, with the day that has begun; 0 without a date."""
        return 0 if self.due_at is None else max(0, ceil((self.due_at - timezone.now()) / timedelta(days=1)))


FREE = Requirement("free")


# Which users a setting means


def entries(said: Any) -> list[Any]:
    """Return the single entries of a setting that may hold one or several: words, groups, paths and callables."""
    return list(said) if isinstance(said, list | tuple | set | frozenset) else [said]


def is_cheap(said: Any) -> bool:
    """Return whether it takes no query, and none of the project's own code, to know which users it means."""
    return all(isinstance(entry, str) and entry in WORDS for entry in entries(said))


def rule_of(entry: Any) -> Rule:
    """Return the function that says of a user if the entry means them.

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
    """Return whether a setting means this user. One that cannot be read, or fails, means everybody."""
    try:
        return any(bool(rule_of(entry)(user)) for entry in sorted(entries(said), key=is_cheap, reverse=True))
    except Exception:
        logger.exception("The rule %r cannot be asked about user %s, who is held to it.", said, user.pk)
        return True


def is_on() -> bool:
    """Return whether the site requires anything of anybody."""
    return any(entry != "nobody" for entry in entries(app_settings.REQUIRED))


def factors_for(user: AbstractBaseUser) -> tuple[Factor, ...]:
    """Return the factors that satisfy the site for this user: those of the first row that means the user, else all primary ones."""
    return next((_named(ids) for said, ids in app_settings.REQUIRED_FACTORS.items() if means(said, user)), registry.primaries())


def _named(ids: Collection[str]) -> tuple[Factor, ...]:
    return tuple(factor for factor in registry.primaries() if factor.id in entries(ids))


# What is known without a query


def is_sure(user: AbstractBaseUser) -> bool:
    """Return whether the settings and the session alone say that nothing more is required of this user."""
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
    """Return what the site requires of the user.

    Costs no query for a user who is free by ``is_staff`` and the like, or whose session one of the wanted factors has
    verified; otherwise one for a group, one for the devices, one for exemptions, and one for the grace period.

    Args:
        user: the user.
        required: whether a factor is required of the user; None to ask ``ALLAUTH_2FA_REQUIRED``.
        note: whether to store that the requirement meets the user now, if it has not met them before.
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
    """Return the status of a user who lacks what is required, and for whom it falls due at that moment."""
    return "grace" if due_at is not None and timezone.now() < due_at else "due"


def is_satisfied(user: AbstractBaseUser, factors: Sequence[Factor]) -> bool:
    """Return whether the user has one of these factors (one query, none if it has just verified the session).

    If every factor is accepted, an authenticator of ``allauth.mfa`` is accepted too, and whatever the project's adapter counts as
    a factor.
    """
    if _proved(user) in factors or lookup.count(user.pk, factors):
        return True
    return set(factors) == set(registry.primaries()) and (verified.needs_challenge(user) or compat.mfa_enabled_for(user))


def is_exempt(user: AbstractBaseUser, *, note: bool = True) -> bool:
    """Return whether an exemption holds (one query). The end of an expired one is announced when it is first noticed."""
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
    """End the exemption, announce it once, and return whether it had not ended before.

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
    """Return the moment from which the site requires a factor, None if it always does. A day begins in the site's time zone."""
    said = app_settings.REQUIRED_FROM
    if said is None:
        return None
    moment = said if isinstance(said, datetime) else datetime.combine(said, time.min)
    zone = timezone.get_default_timezone()
    if not settings.USE_TZ:
        return moment if timezone.is_naive(moment) else timezone.make_naive(moment, zone)
    return timezone.make_aware(moment, zone) if timezone.is_naive(moment) else moment


def _since(user: AbstractBaseUser, *, note: bool) -> datetime | None:
    """Return since when the user knows of the requirement, None if the site grants no grace period."""
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


# Removing devices


def is_held(user: AbstractBaseUser) -> bool:
    """Return whether the user must keep a second factor. The grace period is only for users who have none yet."""
    start = required_from()
    in_force = is_on() and (start is None or start <= timezone.now())
    return in_force and means(app_settings.REQUIRED, user) and not is_exempt(user)


def may_remove(device: Device) -> bool:
    """Return whether the owner can remove the device and still satisfy the site.

    The caller has locked the user, so that of two devices that are removed at once one stays.
    """
    if not is_on() or not is_held(device.user):
        return True
    wanted = factors_for(device.user)
    left = lookup.count(device.user_id, wanted) - (registry.factor_of(device) in wanted)
    return left > 0 or (registry.factor_of(device) not in wanted and lookup.count_primary(device.user_id) > 1)
