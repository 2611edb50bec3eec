"""The model of codes that were sent: the login that requested each code, its expiry, and whether it was used."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp.models import SideChannelDevice

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT = timedelta(days=1)
"""How long a row is kept. The rows of the last day are counted, to limit the number of codes."""

PRUNED_AT_ONCE = 100
"""Most old rows that are deleted each time a code is sent."""

NAME_BYTES = 18
"""Random bytes of a code's name: 24 characters in base 64."""


class SentCode(models.Model):
    """One code that was sent to one login or session. No other login can use it or invalidate it.

    The row does not hold the code, but a digest keyed with ``SECRET_KEY``.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False)
    device = models.CharField(max_length=128, editable=False)
    """The django-otp id of the device that has sent the code."""
    name = models.CharField(max_length=32, unique=True, editable=False)
    """A random name, which the login that requested the code stores. It is useless without the code."""
    digest = models.CharField(max_length=64, default="", editable=False)
    """Empty if the device does not store its code in django-otp's column, or if the code was not sent."""
    browser = models.BigIntegerField(null=True, editable=False)
    """The primary key of the known browser that has requested the code, None for a new browser."""
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
        """Store that the device has made a code for a login in this browser, and return the new row.

        Args:
            device: the device, after it has made the code.
            browser: the primary key of the known browser, None for a new one.
            is_usable: False for a code that could not be sent. It still counts against the daily limit.
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
    def last_day(cls, device: Any) -> list[SentCode]:
        """Return what the device has sent in the last day, the oldest code first (one query)."""
        rows = cls.objects.filter(device=device.persistent_id, user_id=device.user_id, created_at__gt=timezone.now() - KEPT)
        return list(rows.order_by("created_at", "pk"))

    @classmethod
    def note_use_elsewhere(cls, device: Any, sent: Sequence[SentCode]) -> None:
        """Mark the device's last code as used if somebody has used it elsewhere. Later, the device cannot say so any more.

        Args:
            device: the device. The caller has locked its row, and is going to replace the code.
            sent: what :meth:`last_day` has returned for it.
        """
        last = [code for code in sent if code.expires_at == sent[-1].expires_at]
        unused = [code.pk for code in last if code.used_at is None and not code.is_last_of(device)]
        if unused:
            cls.objects.filter(pk__in=unused).update(used_at=timezone.now())

    @classmethod
    def prune(cls) -> None:
        """Delete some of the rows that are older than :data:`KEPT`."""
        old = cls.objects.filter(created_at__lt=timezone.now() - KEPT).order_by("created_at").values_list("pk", flat=True)
        if keys := list(old[:PRUNED_AT_ONCE]):
            cls.objects.filter(pk__in=keys).delete()

    # Judging

    @sensitive_variables("answer")
    def is_code(self, answer: str) -> bool:
        """Return, in constant time, whether the answer is this code, expired or not."""
        return bool(self.digest) and constant_time_compare(self.digest, self._digest_of(answer))

    @property
    def holds(self) -> bool:
        """Whether the code has not expired."""
        return timezone.now() < self.expires_at

    def hold(self) -> bool:
        """Lock the row with an UPDATE that changes nothing, and return whether the code may still be used."""
        return bool(type(self).objects.filter(pk=self.pk, used_at=None).update(used_at=None)) and self.holds

    def is_unused_elsewhere(self, device: Any) -> bool:
        """Return whether only a login of ours can have used the code, and no call of the device's ``verify_token`` elsewhere.

        That call takes the code from the device. A later code of the device takes its place too; since then the code can be used
        by its own login alone (:meth:`note_use_elsewhere`).
        """
        return self.is_last_of(device) or type(self).objects.filter(device=self.device, expires_at__gt=self.expires_at).exists()

    def is_last_of(self, device: Any) -> bool:
        """Return whether the device still holds the code: no later one has replaced it, and nobody has used it."""
        return bool(device.token) and device.valid_until == self.expires_at

    def use(self) -> None:
        """Mark the code as used, so that no login can use it again."""
        type(self).objects.filter(pk=self.pk).update(used_at=timezone.now())
