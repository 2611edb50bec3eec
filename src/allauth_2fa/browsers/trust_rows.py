"""What the trust in a browser depends on: its row, and the password and the devices of its user."""

from __future__ import annotations

import hmac
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db.models import CharField, Q, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.crypto import salted_hmac

from allauth_2fa.factors import lookup, registry
from allauth_2fa.models import Browser
from allauth_2fa.statements import Given, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet

    from allauth_2fa.factors.base import Factor

SALT = "allauth_2fa_trusted"
"""Separates these fingerprints from others that are made with the site's secret key."""


class TrustRow(NamedTuple):
    """What decides of a browser's row whether it is trusted."""

    pk: int
    trust: str
    """The name of the trust, a dot, and the fingerprint of the password and the devices with which it was given."""
    digest: str

    @property
    def name(self) -> str:
        """The random name of this trust."""
        return self.trust.partition(".")[0]


def alive(user: AbstractBaseUser) -> QuerySet[Browser]:
    """Return the rows of the user's browsers whose trust has not run out."""
    return Browser.objects.filter(user_id=user.pk, trusted_until__gt=timezone.now())


def by_cookie(user: Any, *, digests: Any, now: Any, copied: Any) -> QuerySet[Browser]:
    """Return the row with one of these digests, and the row whose earlier digest is among them: the cookie was copied."""
    has_copy = Q(superseded__in=digests, last_seen_at__lte=copied)
    return Browser.objects.filter(Q(digest__in=digests) | has_copy, user_id=user, trusted_until__gt=now)


def by_key(user: Any, *, key: Any, now: Any) -> QuerySet[Browser]:
    """Return the row with this key."""
    return Browser.objects.filter(pk=key, user_id=user, trusted_until__gt=now)


def no_row(user: Any) -> QuerySet[Browser]:
    """Return no row: only the devices are read."""
    return Browser.objects.none()


@cache
def _statement(those: tuple[Factor, ...], rows: Callable[..., QuerySet[Browser]]) -> Statement:
    """Return the statement that reads these rows and the user's devices of these factors."""

    def text(of: Any) -> Cast:
        return Cast(of, CharField(max_length=96))

    def build(user: Any, **given: Any) -> QuerySet[Any]:
        # Each part has the same columns: which model it is (empty for browsers), the key, and what is looked at of a browser.
        browsers = rows(user, **given).order_by().values_list(text(Value("")), text("pk"), text("trust"), text("digest"))
        parts = [
            devices.values_list(text(Value(label)), text("pk"), text(Value("")), text(Value("")))
            for label, devices in lookup.confirmed(user, those)
        ]
        return browsers.union(*parts)

    return Statement(Browser, build, is_lasting=lookup.are_plain(those))


def look(user: AbstractBaseUser, rows: Callable[..., QuerySet[Browser]], **given: Given) -> tuple[list[TrustRow], str]:
    """Return these rows, and the ids of the user's devices, sorted, one in each line (one query for both)."""
    found = _statement(registry.primaries(), rows).rows(user=lookup.owner(user.pk), **given)
    held = sorted(f"{label}/{key}" for label, key, _trust, _digest in found if label)
    return [TrustRow(int(key), trust, digest) for label, key, trust, digest in found if not label], "\n".join(held)


def fingerprints(user: AbstractBaseUser, name: str, held: str) -> Iterator[str]:
    """Yield the fingerprint of the password and the devices, by the site's secret key and by each of its fallbacks."""
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    for secret, password in zip((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS), hashes, strict=False):
        bound = "\n".join((name, str(user.pk), password, held))
        yield salted_hmac(SALT, bound, secret=secret, algorithm="sha256").hexdigest()


def is_sound(user: AbstractBaseUser, trust: str, held: str) -> bool:
    """Return whether the password and the devices are still those with which the trust was given."""
    name, _dot, known = trust.partition(".")
    return any(hmac.compare_digest(known, fingerprint) for fingerprint in fingerprints(user, name, held))
