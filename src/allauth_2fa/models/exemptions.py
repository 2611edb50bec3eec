"""The models of the requirement: exemptions, and the beginning of each user's grace period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime


class Exemption(models.Model):
    """Exempts one user from the requirement until a date. An ended exemption stays as a record of who granted it, and why."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user"))
    reason = models.CharField(_("reason"), max_length=200)
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False, verbose_name=_("granted by")
    )
    created_at = models.DateTimeField(_("granted at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)
    """When it was ended, or when it was first noticed that it had expired."""

    class Meta:
        verbose_name = _("exemption from two-factor authentication")
        verbose_name_plural = _("exemptions from two-factor authentication")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    @property
    def is_active(self) -> bool:
        """Whether the exemption applies now."""
        return self.ended_at is None and timezone.now() < self.expires_at


class FirstMet(models.Model):
    """The time at which the requirement first applied to a user who did not satisfy it. The grace period begins then."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False, verbose_name=_("user")
    )
    since = models.DateTimeField(_("since"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("beginning of a grace period")
        verbose_name_plural = _("beginnings of grace periods")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    @classmethod
    def since_when(cls, user_id: Any) -> datetime:
        """Return when the requirement first applied to this user; store the current time if it never did (one query)."""
        return cls.objects.get_or_create(user_id=user_id)[0].since
