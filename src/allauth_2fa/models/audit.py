"""The table of the audit log. Its rows are added and read; nothing changes one, and pruning alone takes old ones away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from allauth_2fa.exceptions import AppendOnly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

LONGEST_TEXT = 200
"""Characters of the longest label, user agent or fact that is kept."""

LONGEST_ADDRESS = 64
"""Characters of the longest address: 45 of an IPv6 one, and room for what a project's adapter makes of it."""


class AuditQuerySet(models.QuerySet):
    """Reads and adds rows, and refuses the rest. ``bulk_update`` and ``update_or_create`` end at these doors too."""

    def update(self, **_changes: Any) -> int:
        """Refuse: what happened does not change."""
        raise AppendOnly

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse: see :meth:`prune`."""
        raise AppendOnly

    def bulk_create(self, objs: Any, *args: Any, update_conflicts: bool = False, **kwargs: Any) -> Any:
        """Add rows, and write over none."""
        if update_conflicts:
            raise AppendOnly
        return super().bulk_create(objs, *args, **kwargs)

    def prune(self, before: datetime, batch_size: int) -> Iterator[int]:
        """Delete the rows of this query from before that moment, a batch at a time, and yield how many each one was."""
        last = 0
        old = self.filter(at__lt=before).order_by("pk").values_list("pk", flat=True)
        while keys := list(old.filter(pk__gt=last)[:batch_size]):
            gone, _by_model = models.QuerySet(self.model, using=self.db).filter(pk__in=keys).delete()
            last = keys[-1]
            yield gone


class AuditEntry(models.Model):
    """One event, as it was announced.

    Neither key of a user is a constraint of the database: the row outlives the account, an account that is deleted in the
    middle of an event does not break it, and no event waits for the lock of a user's row.
    """

    at = models.DateTimeField(_("when"), default=timezone.now)
    event = models.CharField(_("event"), max_length=64)
    """A name of ``allauth_2fa.audit.events.EVENTS``."""
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("user"),
    )
    user_label = models.CharField(_("user"), max_length=LONGEST_TEXT, blank=True)
    """Whose second factor it concerned, by the name that the account had then."""
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False, verbose_name=_("done by")
    )
    actor_label = models.CharField(_("done by"), max_length=LONGEST_TEXT, blank=True)
    device = models.CharField(_("device"), max_length=LONGEST_TEXT, blank=True)
    """What the device was called, or else its kind."""
    address = models.CharField(_("address"), max_length=LONGEST_ADDRESS, blank=True)
    user_agent = models.CharField(_("browser"), max_length=LONGEST_TEXT, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    """What the event's row of the table names, as texts."""

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("audit log")
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="allauth_2fa_trail_user"),
            models.Index(fields=["at"], name="allauth_2fa_trail_at"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.user_label}"

    def save(self, *_args: Any, using: str | None = None, **_kwargs: Any) -> None:
        """Add the row: one INSERT.

        Raises:
            AppendOnly: it is there already.
        """
        if not self._state.adding:
            raise AppendOnly
        super().save(force_insert=True, using=using)

    def delete(self, *_args: Any, **_kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: see :meth:`AuditQuerySet.prune`."""
        raise AppendOnly
