"""Browsers in which a user has verified, and the failure budget that is counted there."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Greatest, Length
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

FAILURE_LENGTH = len("1700000000000 ")
"""Characters of a wrong answer in a browser's row, at least."""


class KnownBrowsers(models.Manager["Browser"]):
    """The browsers in which a user has verified, without the row that stands for all others together."""

    def get_queryset(self) -> models.QuerySet[Browser]:
        """Return them, those of all users."""
        return super().get_queryset().exclude(digest=Browser.OTHERS)


class Browser(models.Model):
    """A browser in which a user has verified, and how many codes were wrong there. It skips nothing by being known.

    One more row a user, with an empty digest, counts the wrong codes of all other browsers together. ``Browser.objects``
    leaves it out; ``Browser.all_rows`` has it.
    """

    OTHERS: ClassVar[str] = ""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False, db_index=False)
    digest = models.CharField(max_length=64, editable=False)
    """SHA-256 of the random value in the cookie, in hexadecimal digits. Whoever reads the table has no cookie."""
    name = models.CharField(max_length=64, editable=False)
    """What its owner knows it by: "Firefox on Linux"."""
    address = models.GenericIPAddressField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now, editable=False)
    """When the user verified in it last, or was let pass there without."""
    trusted_until = models.DateTimeField(null=True, editable=False)
    """Until when the user is let pass there without a second factor, as long as :attr:`trust` holds."""
    trust = models.CharField(max_length=96, default="", editable=False)
    """A random name of this trust, a dot, and the fingerprint of the password and the devices that it was given with."""
    superseded = models.CharField(max_length=64, default="", editable=False)
    """The digest before the last time that the user was let pass: whoever comes with that value holds a copy."""

    failures = models.TextField(default="", editable=False)
    """When codes were wrong: milliseconds since 1970, oldest first, apart by blanks."""
    in_a_row = models.PositiveIntegerField(default=0, editable=False)
    """Wrong codes since the last right one."""
    proofs = models.TextField(default="", editable=False)
    """When several codes in a row were tried while no single one was judged, as in :attr:`failures`."""
    version = models.PositiveBigIntegerField(default=0, editable=False)
    """Grows with each write to the budget, which is conditional on it: nothing is counted upon what somebody else has changed."""
    fullness = models.GeneratedField(
        expression=models.Case(
            # Failures that were worth more than one guess have a star.
            models.When(failures__contains="*", then=models.Value(2**31 - 1)),
            default=Greatest(models.F("in_a_row") * models.Value(FAILURE_LENGTH), Length("failures") + models.Value(1)),
        ),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    """How much there is in the row, at least, in characters: the few rows that may be locked are found by its index."""

    objects = KnownBrowsers()
    all_rows: ClassVar[models.Manager[Browser]] = models.Manager()

    class Meta:
        verbose_name = _("browser")
        verbose_name_plural = _("browsers")
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "digest"], name="allauth_2fa_browser_once")]
        indexes: ClassVar = [models.Index(fields=["fullness"], name="allauth_2fa_browser_fullness")]

    def __str__(self) -> str:
        return self.name or str(_("new browsers"))  # all those that are unknown share a row


class Lock(Browser):
    """A browser's row while codes are locked there, or in all new browsers: what the admin lists."""

    class Meta:
        proxy = True
        default_manager_name = "all_rows"
        default_permissions = ("view",)
        permissions: ClassVar = [("support_unlock", _("Can open the locks of a user"))]
        verbose_name = _("lock")
        verbose_name_plural = _("locks")
