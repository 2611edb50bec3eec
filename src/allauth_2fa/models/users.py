"""What is kept of a user beside the devices: when sessions end, and options of devices."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from django.utils.translation import gettext_lazy as _


def lock_user(user_id: Any) -> None:
    """Let changes to the devices of one user wait for each other. It is the first thing that such a transaction does.

    The user's row is the queue, since the devices may not be there yet, or not any more. A write that changes nothing
    is the lock: SQLite ignores ``select_for_update``, and fails at once when two transactions read, then write.
    """
    model = get_user_model()
    model._base_manager.filter(pk=user_id).update(**{model.USERNAME_FIELD: models.F(model.USERNAME_FIELD)})  # noqa: SLF001 - so Django names it


class SessionsEnd(models.Model):
    """Since when a user's sessions count: those that began before the moment are not logged in any more."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False)
    before = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("end of sessions")
        verbose_name_plural = _("ends of sessions")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.user_id}"
