"""The model of device options: data about devices that django-otp's tables have no column for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from .write import insert_or_update

if TYPE_CHECKING:
    from django_otp.models import Device


class DeviceOptions(models.Model):
    """Options of one device of any model."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False, db_index=False)
    device = models.CharField(max_length=128, editable=False)
    """The device's django-otp id, ``app.model/key``. The row applies only to a device of the same user."""
    preferred = models.BooleanField(default=False, editable=False)
    """Whether the user wants to be asked for this device first."""
    passwordless = models.BooleanField(default=False, editable=False)
    """Whether the user has enrolled this passkey for logins without a password."""

    class Meta:
        verbose_name = _("device options")
        verbose_name_plural = _("device options")
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "device"], name="allauth_2fa_note_once")]

    def __str__(self) -> str:
        return self.device

    @classmethod
    def says(cls, model: type[Device], **facts: bool) -> models.Exists:
        """Return an expression for a query of the model: whether the device has these options (``preferred=True``)."""
        label = models.Value(f"{model.model_label()}/")
        persistent_id = Concat(label, Cast(models.OuterRef("pk"), models.CharField(max_length=64)), output_field=models.CharField())
        return models.Exists(cls.objects.filter(user_id=models.OuterRef("user_id"), device=persistent_id, **facts))

    @classmethod
    def write(cls, device: Device, **facts: bool) -> None:
        """Store these options of the device, and leave the others as they are (one statement)."""
        row = cls(user_id=device.user_id, device=device.persistent_id, **facts)
        insert_or_update(row, unique=["user", "device"], changed=list(facts))
