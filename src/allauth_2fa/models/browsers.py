"""The models of browsers: where a user has verified, and the failure budget of each browser."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Greatest, Length
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

FAILURE_LENGTH = len("1700000000000 ")
"""Fewest characters that one wrong answer takes in :attr:`Browser.failures`."""


class KnownBrowsers(models.Manager["Browser"]):
    """Manager of known browsers, without the rows that stand for all new browsers of a user."""

    def get_queryset(self) -> models.QuerySet[Browser]:
        """Return the known browsers of all users."""
        return super().get_queryset().exclude(digest=Browser.OTHERS)


class Browser(models.Model):
    """A browser in which a user has verified, with its count of wrong codes. A known browser does not skip the challenge.

    Each user may have one more row, with an empty digest, which counts the wrong codes of all other browsers together.
    ``Browser.objects`` leaves it out; ``Browser.all_rows`` contains it.
    """

    OTHERS: ClassVar[str] = ""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False, db_index=False)
    digest = models.CharField(max_length=64, editable=False)
    """SHA-256 of the random value in the cookie, in hexadecimal. The cookie cannot be made from it."""
    name = models.CharField(max_length=64, editable=False)
    """A readable name, such as "Firefox on Linux"."""
    address = models.GenericIPAddressField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now, editable=False)
    """When the user last verified in this browser, or signed in there without a code because it was trusted."""
    trusted_until = models.DateTimeField(null=True, editable=False)
    """Until when the user can sign in there without a second factor, as long as :attr:`trust` is valid."""
    trust = models.CharField(max_length=96, default="", editable=False)
    """A random name of this trust, a dot, and the fingerprint of the password and devices at the time it was given."""
    superseded = models.CharField(max_length=64, default="", editable=False)
    """The digest before the last trusted login. A browser that presents the old cookie holds a copy."""

    failures = models.TextField(default="", editable=False)
    """The times of wrong codes in milliseconds since 1970, oldest first, separated by blanks."""
    in_a_row = models.PositiveIntegerField(default=0, editable=False)
    """Wrong codes since the last right one."""
    proofs = models.TextField(default="", editable=False)
    """The times at which consecutive codes were tried while single codes were locked, in the format of :attr:`failures`."""
    version = models.PositiveBigIntegerField(default=0, editable=False)
    """Grows with each write to the budget. Each write is conditional on it, so that no concurrent change is lost."""
    fullness = models.GeneratedField(
        expression=models.Case(
            # Failures with a weight of more than one guess have a star.
            models.When(failures__contains="*", then=models.Value(2**31 - 1)),
            default=Greatest(models.F("in_a_row") * models.Value(FAILURE_LENGTH), Length("failures") + models.Value(1)),
        ),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    """A lower bound of the size of the counted failures in characters. Its index finds the few rows that may be locked."""

    objects = KnownBrowsers()
    all_rows: ClassVar[models.Manager[Browser]] = models.Manager()

    class Meta:
        verbose_name = _("browser")
        verbose_name_plural = _("browsers")
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "digest"], name="allauth_2fa_browser_once")]
        indexes: ClassVar = [models.Index(fields=["fullness"], name="allauth_2fa_browser_fullness")]

    def __str__(self) -> str:
        return self.name or str(_("new browsers"))  # all unknown browsers share one row


class Lock(Browser):
    """Proxy of a browser's row for the admin's list of locks."""

    class Meta:
        proxy = True
        default_manager_name = "all_rows"
        default_permissions = ("view",)
        permissions: ClassVar = [("support_unlock", _("Can open the locks of a user"))]
        verbose_name = _("lock")
        verbose_name_plural = _("locks")
