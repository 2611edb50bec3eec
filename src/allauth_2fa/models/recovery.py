"""Recovery codes, stored as digests."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp.models import Device, TimestampMixin

from . import users

if TYPE_CHECKING:
    from datetime import datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Douglas Crockford's base 32: 5 bits a symbol, and nothing that reads like something else."""

LOOKALIKES = str.maketrans("ilo", "110")

CODE_LENGTH = 16
"""Symbols a code: 80 bits, more than the 64 that NIST SP 800-63B-4 (3.1.2) asks for."""

GROUP = 4
"""Symbols between two dashes, for reading aloud and typing."""

ITERATIONS = 100_000
"""Rounds of PBKDF2-SHA256 a code. 80 random bits need no slow hash; this is one all the same, since a code has
fewer than the 112 bits from which OWASP ASVS 5.0 (6.5.2) allows a fast one. About 30 ms a try."""

SALT_LENGTH = 32
"""Letters and digits of the salt that the codes of one user share: 190 bits, so that a try costs one hash run."""


@sensitive_variables("code")
def digest_recovery_code(code: str, salt: str, iterations: int) -> str:
    """Return what is stored of a normalized code, in the format of Django's password hashers."""
    return PBKDF2PasswordHasher().encode(code, salt, iterations)


def grouped(code: str) -> str:
    """Return the code as it is shown."""
    return "-".join(code[at : at + GROUP] for at in range(0, CODE_LENGTH, GROUP))


def normalize_recovery_code(text: str) -> str:
    """Return the code as it is hashed: small letters, no dashes or blanks, look-alikes told apart."""
    kept = "".join(symbol for symbol in unicodedata.normalize("NFKC", text).lower() if symbol.isalnum())
    return kept.translate(LOOKALIKES)


def is_recovery_code(text: str) -> bool:
    """Return whether the text has the shape of a recovery code, right or wrong."""
    code = normalize_recovery_code(text)
    return len(code) == CODE_LENGTH and set(code) <= set(ALPHABET)


def _in_time(now: datetime) -> models.Q:
    return models.Q(expires_at=None) | models.Q(expires_at__gt=now)


class RecoveryDevice(TimestampMixin, Device):
    """The recovery codes of one user: a salt for all of them, so that a try costs one hash run.

    Recovery codes cannot be guessed, so there is no throttling here: they stay usable while other devices wait.
    """

    # The unique constraint has the index.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, help_text=_("The user that this device belongs to.")
    )
    salt = models.CharField(max_length=64, editable=False)
    iterations = models.PositiveIntegerField(default=ITERATIONS, editable=False)

    class Meta(Device.Meta):
        verbose_name = _("recovery codes")
        verbose_name_plural = _("recovery codes")
        constraints: ClassVar = [models.UniqueConstraint(fields=["user"], name="allauth_2fa_recovery_user")]
        permissions: ClassVar = [
            ("support_reset", _("Can remove all factors of a user")),
            ("support_issue_code", _("Can issue a recovery code for a user")),
        ]

    @sensitive_variables("code")
    def digest(self, code: str) -> str:
        """Return what is stored of a normalized code."""
        return digest_recovery_code(code, self.salt, self.iterations)

    @classmethod
    @sensitive_variables("codes", "digests")
    def renew(cls, user_id: object, number: int) -> list[str]:
        """Void every code of the user's, make ``number`` new ones and return them, readable for the only time."""
        codes = [get_random_string(CODE_LENGTH, ALPHABET) for _ in range(number)]
        hashing: dict[str, Any] = {"salt": get_random_string(SALT_LENGTH), "iterations": ITERATIONS}
        # Hashing takes its time, and no transaction is to wait for it.
        digests = [digest_recovery_code(code, **hashing) for code in codes]
        with transaction.atomic():
            users.lock_user(user_id)
            device = cls._emptied(user_id, hashing) or cls.objects.create(user_id=user_id, name="recovery codes", **hashing)
            RecoveryCode.objects.bulk_create(RecoveryCode(device=device, digest=digest) for digest in digests)
        return [grouped(code) for code in codes]

    @classmethod
    @sensitive_variables("code")
    def issue(cls, user_id: object, expires_at: datetime) -> str:
        """Make one more code, which counts until then, and return it, readable for the only time. The others stay."""
        code = get_random_string(CODE_LENGTH, ALPHABET)
        with transaction.atomic():
            users.lock_user(user_id)
            device, _is_new = cls.objects.get_or_create(
                user_id=user_id, defaults={"name": "recovery codes", "salt": get_random_string(SALT_LENGTH), "iterations": ITERATIONS}
            )
            if cls.objects.filter(pk=device.pk, confirmed=False).update(confirmed=True):
                # Somebody has disabled the list. It counts again for the new code, and for none of those that were on it.
                device.codes.all().delete()
            device.codes.create(digest=device.digest(code), expires_at=expires_at)
        return grouped(code)

    @classmethod
    def _emptied(cls, user_id: object, hashing: dict[str, Any]) -> RecoveryDevice | None:
        """Return the user's device without its codes and with a new salt, None if there is none yet."""
        mine = cls.objects.filter(user_id=user_id)
        if not mine.update(confirmed=True, **hashing):
            return None
        device = mine.get()
        device.codes.all().delete()
        return device

    @sensitive_variables("token")
    def digest_of(self, token: str) -> str | None:
        """Return what would be stored of a code that was typed like this (one hash run), None if it cannot be one."""
        return self.digest(normalize_recovery_code(token)) if self.salt and is_recovery_code(token) else None

    def spend(self, digest: str) -> bool:
        """Use up the code of that digest: one conditional UPDATE, whose row count is the verdict."""
        now = timezone.now()
        if not self.codes.filter(_in_time(now), digest=digest, used_at=None).update(used_at=now):
            return False
        type(self).objects.filter(pk=self.pk).update(last_used_at=now)
        self.last_used_at = now
        return True

    @sensitive_variables("token", "digest")
    def verify_token(self, token: str) -> bool:
        """Judge a code as django-otp asks its devices to."""
        digest = self.digest_of(token)
        return digest is not None and self.spend(digest)

    def has_spent(self, digest: str) -> bool:
        """Return whether the code of that digest was one of these and has been used."""
        return self.codes.filter(digest=digest, used_at__isnull=False).exists()

    def codes_left(self) -> int:
        """Return how many codes have not been used (one query)."""
        return self.codes.filter(_in_time(timezone.now()), used_at=None).count()


class RecoveryCode(models.Model):
    """One recovery code: its digest in Django's own format, and when it was spent."""

    device = models.ForeignKey(RecoveryDevice, on_delete=models.CASCADE, related_name="codes", editable=False, db_index=False)
    digest = models.CharField(max_length=128, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)
    """Until when it counts; None for a code that its owner has made."""

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        constraints: ClassVar = [models.UniqueConstraint(fields=["device", "digest"], name="allauth_2fa_code_once")]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
