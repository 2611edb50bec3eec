"""The models of recovery codes, which are stored as digests."""

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
from .write import insert_or_update

if TYPE_CHECKING:
    from datetime import datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Douglas Crockford's base 32: 5 bits per character, without characters that look alike."""

LOOKALIKES = str.maketrans("ilo", "110")

CODE_LENGTH = 16
"""Characters per code: 80 bits, more than the 64 that NIST SP 800-63B-4 (3.1.2) requires."""

GROUP = 4
"""Characters between two dashes, for reading aloud and typing."""

ITERATIONS = 100_000
"""Iterations of PBKDF2-SHA256. OWASP ASVS 5.0 (6.5.2) requires a slow hash for codes of fewer than 112 random bits.
One hash takes about 30 ms."""

SALT_LENGTH = 32
"""Characters of the salt: 190 bits. The codes of one user share a salt, so that checking an answer takes one hash."""


@sensitive_variables("code")
def digest_recovery_code(code: str, salt: str, iterations: int) -> str:
    """Return the digest of a normalized code in the format of Django's password hashers."""
    return PBKDF2PasswordHasher().encode(code, salt, iterations)


def grouped(code: str) -> str:
    """Return the code with dashes, as it is shown."""
    return "-".join(code[at : at + GROUP] for at in range(0, CODE_LENGTH, GROUP))


def normalize_recovery_code(text: str) -> str:
    """Return the code as it is hashed: in lower case, without dashes and blanks, with look-alike letters as digits."""
    kept = "".join(symbol for symbol in unicodedata.normalize("NFKC", text).lower() if symbol.isalnum())
    return kept.translate(LOOKALIKES)


def is_recovery_code(text: str) -> bool:
    """Return whether the text, right or wrong, has the format of a recovery code."""
    code = normalize_recovery_code(text)
    return len(code) == CODE_LENGTH and set(code) <= set(ALPHABET)


def _in_time(now: datetime) -> models.Q:
    return models.Q(expires_at=None) | models.Q(expires_at__gt=now)


class RecoveryDevice(TimestampMixin, Device):
    """The recovery codes of one user. They share one salt, so that checking an answer takes one hash.

    Recovery codes cannot be guessed, so they are not throttled: they stay usable while other devices are locked.
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
        """Return the digest of a normalized code."""
        return digest_recovery_code(code, self.salt, self.iterations)

    @classmethod
    @sensitive_variables("codes", "digests")
    def renew(cls, user_id: object, number: int) -> list[str]:
        """Invalidate all codes of the user, and return ``number`` new ones. They cannot be read again later."""
        codes = [get_random_string(CODE_LENGTH, ALPHABET) for _ in range(number)]
        hashing: dict[str, Any] = {"salt": get_random_string(SALT_LENGTH), "iterations": ITERATIONS}
        # Hash before the transaction begins, since it takes time.
        digests = [digest_recovery_code(code, **hashing) for code in codes]
        with transaction.atomic(savepoint=False):
            users.lock_user(user_id)
            device = cls._renewed(user_id, hashing)
            RecoveryCode.objects.filter(device=device).delete()
            RecoveryCode.objects.bulk_create(RecoveryCode(device=device, digest=digest) for digest in digests)
        return [grouped(code) for code in codes]

    @classmethod
    @sensitive_variables("code")
    def issue(cls, user_id: object, expires_at: datetime) -> str:
        """Add one code, which is valid until ``expires_at``, and return it. It cannot be read again later. Other codes stay."""
        code = get_random_string(CODE_LENGTH, ALPHABET)
        with transaction.atomic(savepoint=False):
            users.lock_user(user_id)
            device, _is_new = cls.objects.get_or_create(
                user_id=user_id, defaults={"name": "recovery codes", "salt": get_random_string(SALT_LENGTH), "iterations": ITERATIONS}
            )
            if cls.objects.filter(pk=device.pk, confirmed=False).update(confirmed=True):
                # The device was disabled. It is enabled again for the new code, and its old codes are deleted.
                device.codes.all().delete()
            device.codes.create(digest=device.digest(code), expires_at=expires_at)
        return grouped(code)

    @classmethod
    def _renewed(cls, user_id: object, hashing: dict[str, Any]) -> RecoveryDevice:
        """Return the user's device with a new salt, made if there is none."""
        device = cls(user_id=user_id, name="recovery codes", **hashing)
        insert_or_update(device, unique=["user"], changed=["confirmed", *hashing])
        return device if device.pk else cls._base_manager.get(user_id=user_id)

    @sensitive_variables("token")
    def digest_of(self, token: str) -> str | None:
        """Return the digest of a typed code (one hash); None if it does not have the format of a recovery code."""
        return self.digest(normalize_recovery_code(token)) if self.salt and is_recovery_code(token) else None

    def spend(self, digest: str) -> bool:
        """Use up the code with this digest by one conditional UPDATE, and return whether it was unused."""
        now = timezone.now()
        if not self.codes.filter(_in_time(now), digest=digest, used_at=None).update(used_at=now):
            return False
        type(self).objects.filter(pk=self.pk).update(last_used_at=now)
        self.last_used_at = now
        return True

    @sensitive_variables("token", "digest")
    def verify_token(self, token: str) -> bool:
        """Return whether the code is right, and use it up. django-otp calls this method."""
        digest = self.digest_of(token)
        return digest is not None and self.spend(digest)

    def has_spent(self, digest: str) -> bool:
        """Return whether the code with this digest belongs to the device and has been used."""
        return self.codes.filter(digest=digest, used_at__isnull=False).exists()

    def codes_left(self) -> int:
        """Return the number of codes that are neither used nor expired (one query)."""
        return self.codes.filter(_in_time(timezone.now()), used_at=None).count()


class RecoveryCode(models.Model):
    """One recovery code: its digest in the format of Django's password hashers, and when it was used."""

    device = models.ForeignKey(RecoveryDevice, on_delete=models.CASCADE, related_name="codes", editable=False, db_index=False)
    digest = models.CharField(max_length=128, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)
    """When it expires; None for a code that its owner has made."""

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        constraints: ClassVar = [models.UniqueConstraint(fields=["device", "digest"], name="allauth_2fa_code_once")]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
