"""Where the users stand towards the requirement: counted for those who have to show that it is in force.

It answers as :func:`.policy.requirement_of` does, many users at a time, and notes nothing. Only what an adapter takes for
a factor without a device is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from django.utils import timezone

from allauth_2fa import app_settings, compat
from allauth_2fa.factors import registry
from allauth_2fa.models.exemptions import Exemption, FirstMet

from . import policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK = 250_000
"""Users whose devices, groups and exemptions are read at a time, as sets of keys: 20 megabytes for each kind at most."""

FETCHED = 2000
"""Users that are held in memory at a time."""


def count(everybody: Any) -> dict[str, int]:
    """Return how many of these users (a queryset) there are in each status."""
    counts = dict.fromkeys(get_args(policy.Status), 0)
    if not policy.is_on():
        return {**counts, "free": everybody.count()}
    for rows in _chunks(everybody):
        for status in _Standing(rows).statuses():
            counts[status] += 1
    return counts


def _chunks(everybody: Any) -> Iterator[Any]:
    """Yield the users as queries of :data:`CHUNK` each, in the order of their keys (one query each)."""
    left = everybody.order_by("pk")
    while (last := left.values_list("pk", flat=True)[CHUNK - 1 : CHUNK].first()) is not None:
        yield left.filter(pk__lte=last)
        left = left.filter(pk__gt=last)
    yield left


class _Standing:
    """What is known of some users: a query for each factor, for exemptions, for grace periods, and for each group."""

    def __init__(self, users: Any) -> None:
        self.users = users
        self.keys = users.order_by().values("pk")
        self.held = {factor: self._owners(factor.model.objects.filter(confirmed=True)) for factor in registry.primaries()}
        self.of_mfa = self._owners(compat.mfa_authenticators()) if compat.mfa_installed() else set()
        self.exempt = self._owners(Exemption.objects.filter(ended_at=None, expires_at__gt=timezone.now()))
        self.since = dict(FirstMet.objects.filter(user_id__in=self.keys).values_list("user_id", "since"))
        self.members: dict[str, set[Any]] = {}

    def _owners(self, rows: Any) -> set[Any]:
        return set(rows.filter(user_id__in=self.keys).order_by().values_list("user_id", flat=True))

    def statuses(self) -> Iterator[policy.Status]:
        """Yield the status of each user."""
        return map(self._status, self.users.iterator(FETCHED))

    def _status(self, user: Any) -> policy.Status:
        if not self._means(app_settings.REQUIRED, user):
            return "free"
        rows = app_settings.REQUIRED_FACTORS.items()
        ids = next((policy.entries(ids) for said, ids in rows if self._means(said, user)), None)
        if self._satisfies(user, ids):
            return "satisfied"
        if user.pk in self.exempt:
            return "exempt"
        return policy.status_at(policy.falls_due(self.since.get(user.pk)))

    def _means(self, said: Any, user: Any) -> bool:
        return any(self._entry_means(entry, user) for entry in policy.entries(said))

    def _entry_means(self, entry: Any, user: Any) -> bool:
        if not (isinstance(entry, str) and entry.startswith(policy.GROUP) and hasattr(user, "groups")):
            return policy.means(entry, user)
        if entry not in self.members:
            members = type(user)._default_manager.filter(pk__in=self.keys, groups__name=entry.removeprefix(policy.GROUP))
            self.members[entry] = set(members.values_list("pk", flat=True))
        return user.pk in self.members[entry]

    def _satisfies(self, user: Any, ids: Iterable[str] | None) -> bool:
        held = [factor for factor, owners in self.held.items() if user.pk in owners]
        return any(ids is None or factor.id in ids for factor in held) or (ids is None and user.pk in self.of_mfa)
