"""The table of notes on devices: what this package keeps of them that their own tables have no column for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_otp.models import Device


class DeviceOptions(models.Model):
    """What this package keeps of a device, of whichever kind, that the device's own table has no column for."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False, db_index=False)
    device = models.CharField(max_length=128, editable=False)
    """The device's django-otp id, ``app.model/key``. A note counts together with its user alone."""
    preferred = models.BooleanField(default=False, editable=False)
    """The user wants to be asked for this device first."""
    passwordless = models.BooleanField(default=False, editable=False)
    """The user has enrolled this passkey for logins without a password."""

    class Meta:
        verbose_name = _("device options")
        verbose_name_plural = _("device options")
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "device"], name="allauth_2fa_note_once")]

    def __str__(self) -> str:
        return self.device

    @classmethod
    def says(cls, model: type[Device], **facts: bool) -> models.Exists:
        """Return the condition, for a query of the model's, that a note on the device says this (``preferred=True``)."""
        label = models.Value(f"{model.model_label()}/")
        persistent_id = Concat(label, Cast(models.OuterRef("pk"), models.CharField(max_length=64)), output_field=models.CharField())
        return models.Exists(cls.objects.filter(user_id=models.OuterRef("user_id"), device=persistent_id, **facts))

    @classmethod
    def write(cls, device: Device, **facts: bool) -> None:
        """Note this of the device. The caller holds the user's turn (:func:`take_turn`)."""
        cls.objects.update_or_create(user_id=device.user_id, device=device.persistent_id, defaults=facts)
