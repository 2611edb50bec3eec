"""The model of the audit log. Rows are added and read, never changed; only pruning deletes old ones."""

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
"""Length of the longest label, user agent or fact in characters."""

LONGEST_ADDRESS = 64
"""Length of the longest address in characters: 45 for IPv6, and room for the format of a project's adapter."""


class AuditQuerySet(models.QuerySet):
    """Query set that reads and adds rows, and refuses other writes; ``bulk_update`` and ``update_or_create`` call these methods."""

    def update(self, **_changes: Any) -> int:
        """Refuse to change rows.

        Raises:
            AppendOnly: always.
        """
        raise AppendOnly

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse to delete rows; use :meth:`prune`.

        Raises:
            AppendOnly: always.
        """
        raise AppendOnly

    def bulk_create(self, objs: Any, *args: Any, update_conflicts: bool = False, **kwargs: Any) -> Any:
        """Add rows.

        Raises:
            AppendOnly: with ``update_conflicts``, which would change rows.
        """
        if update_conflicts:
            raise AppendOnly
        return super().bulk_create(objs, *args, **kwargs)

    def prune(self, before: datetime, batch_size: int) -> Iterator[int]:
        """Delete the rows of this query from before that time in batches, and yield the number of rows in each batch."""
        last = 0
        old = self.filter(at__lt=before).order_by("pk").values_list("pk", flat=True)
        while keys := list(old.filter(pk__gt=last)[:batch_size]):
            gone, _by_model = models.QuerySet(self.model, using=self.db).filter(pk__in=keys).delete()
            last = keys[-1]
            yield gone


class AuditEntry(models.Model):
    """One event in the audit log.

    The foreign keys to users have no database constraint. So a row outlives the account, an account that is deleted at the same
    time does not break the INSERT, and the INSERT does not wait for a lock on the user's row.
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
    """The name of the user at that time."""
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False, verbose_name=_("done by")
    )
    actor_label = models.CharField(_("done by"), max_length=LONGEST_TEXT, blank=True)
    device = models.CharField(_("device"), max_length=LONGEST_TEXT, blank=True)
    """The name of the device, or its kind if it had none."""
    address = models.CharField(_("address"), max_length=LONGEST_ADDRESS, blank=True)
    user_agent = models.CharField(_("browser"), max_length=LONGEST_TEXT, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    """The facts of the event as strings."""

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
        """Add the row (one INSERT).

        Raises:
            AppendOnly: the row exists already.
        """
        if not self._state.adding:
            raise AppendOnly
        super().save(force_insert=True, using=using)

    def delete(self, *_args: Any, **_kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse to delete the row; use :meth:`AuditQuerySet.prune`.

        Raises:
            AppendOnly: always.
        """
        raise AppendOnly
