"""Codes that were sent: which login has asked for each, until when it holds, and whether it has been used."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp.models import SideChannelDevice

KEPT = timedelta(days=1)
"""How long a row is kept: it says how many codes were sent in the last day."""

PRUNED_AT_ONCE = 100
"""Rows that are deleted with each code that is sent, at the most."""

NAME_BYTES = 18
"""Random bytes of the name by which a login knows its code: 24 characters without padding."""


class SentCode(models.Model):
    """One code that was sent, for one login or session: no other one may answer by it, and none voids it.

    The row holds a digest that cannot be made again without ``SECRET_KEY``, and no code.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False)
    device = models.CharField(max_length=128, editable=False)
    """The django-otp id of the device that has sent it."""
    name = models.CharField(max_length=32, unique=True, editable=False)
    """Random. The login that has asked for the code keeps it; to know it is of no use without the code."""
    digest = models.CharField(max_length=64, default="", editable=False)
    """Empty where the code is not in the column in which django-otp keeps it, or has not left."""
    browser = models.BigIntegerField(null=True, editable=False)
    """The key of the known browser that has asked for it, None for all browsers that are new."""
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("sent code")
        verbose_name_plural = _("sent codes")
        indexes: ClassVar = [
            models.Index(fields=["device", "created_at"], name="allauth_2fa_sent_device"),
            models.Index(fields=["created_at"], name="allauth_2fa_sent_at"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    # Making

    @classmethod
    @sensitive_variables("code")
    def note(cls, device: Any, browser: int | None, *, is_usable: bool = True) -> SentCode:
        """Note that the device has made a code for somebody in that browser.

        Args:
            device: as it is since it has made the code.
            browser: the key of the known browser, None for one that is new.
            is_usable: False for a code that did not get on its way. It counts among those that were sent all the same.
        """
        code = device.token if is_usable and isinstance(device, SideChannelDevice) else None
        now = getattr(device, "last_generated_timestamp", None) or timezone.now()
        row = cls(user_id=device.user_id, device=device.persistent_id, browser=browser, created_at=now)
        row.name, row.expires_at = secrets.token_urlsafe(NAME_BYTES), getattr(device, "valid_until", None) or now + KEPT
        row.digest = row._digest_of(str(code)) if code else ""
        row.used_at = None if is_usable else now
        row.save(force_insert=True)
        return row

    @sensitive_variables("code")
    def _digest_of(self, code: str) -> str:
        return salted_hmac("allauth_2fa.sent_code", f"{self.name} {self.device} {code}", algorithm="sha256").hexdigest()

    @classmethod
    def prune(cls) -> None:
        """Delete rows that are of no use any more, some of them each time."""
        old = cls.objects.filter(created_at__lt=timezone.now() - KEPT).order_by("created_at").values_list("pk", flat=True)
        if keys := list(old[:PRUNED_AT_ONCE]):
            cls.objects.filter(pk__in=keys).delete()

    # Judging

    @sensitive_variables("answer")
    def is_code(self, answer: str) -> bool:
        """Return whether the answer is this code, in time or not. How long it takes tells nothing."""
        return bool(self.digest) and constant_time_compare(self.digest, self._digest_of(answer))

    @property
    def holds(self) -> bool:
        """Whether its time is not over."""
        return timezone.now() < self.expires_at

    def hold(self) -> bool:
        """Lock the row by a write that changes nothing, and return whether the code may still be used."""
        return bool(type(self).objects.filter(pk=self.pk, used_at=None).update(used_at=None)) and self.holds

    def use(self) -> None:
        """Note that the code was used: no login can answer by it again."""
        type(self).objects.filter(pk=self.pk).update(used_at=timezone.now())
