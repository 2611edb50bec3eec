"""Data about a user besides devices: the end of earlier sessions, and a lock on the user's row."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from django.utils.translation import gettext_lazy as _


def lock_user(user_id: Any) -> None:
    """Lock the user's row, so that changes to the user's devices wait for each other. Call it first in a transaction.

    The user's row is locked, since the devices may not exist yet, or no longer. The lock is an UPDATE that changes nothing:
    SQLite ignores ``select_for_update``, and fails when two transactions read and then write.
    """
    model = get_user_model()
    model._base_manager.filter(pk=user_id).update(**{model.USERNAME_FIELD: models.F(model.USERNAME_FIELD)})


class SessionsEnd(models.Model):
    """The time at which a user's sessions were ended: sessions that began earlier are no longer signed in."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False)
    before = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("end of sessions")
        verbose_name_plural = _("ends of sessions")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.user_id}"
