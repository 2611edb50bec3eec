"""The browsers in which a user has verified: known again by a random cookie, which skips nothing.

The cookie keeps wrong codes that are entered elsewhere from shutting out a browser that the owner has used. It holds a
value for each user that has verified in the browser, and a value counts together with its user alone. With each verified
login the user's value is replaced: one that was planted before never becomes known, and one that was stolen is worth
nothing once its owner has logged in again.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_ipv46_address
from django.utils import timezone
from django.utils.translation import gettext as _

from allauth_2fa.audit import log
from allauth_2fa.models import Browser
from allauth_2fa.state.request import request_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

COOKIE = "allauth_2fa_browser"
"""The name of the cookie. It holds values apart by dots, the newest one last."""

COOKIE_AGE = 365 * 24 * 60 * 60
"""Seconds that the browser keeps it. Each verified login begins them again."""

VALUE_BYTES = 18
"""Random bytes of a value: 144 bits, which make 24 characters without padding."""

MOST_VALUES = 5
"""Users of one browser that are known again. A sixth one replaces the one who verified there longest ago."""

MOST_BROWSERS = 20
"""Browsers of one user that are known at most. With one more, the one in which the user was seen longest ago is forgotten."""

VALUE = re.compile(r"[A-Za-z0-9_-]{24}")


def presented(request: HttpRequest) -> list[str]:
    """Return the values of the cookie, the oldest first, as they will be after this request. What has another shape is none."""
    given_out = request_state(request).browser_cookie
    values = (request.COOKIES.get(COOKIE, "") if given_out is None else given_out).split(".")
    return [value for value in values if VALUE.fullmatch(value)] if len(values) <= MOST_VALUES else []


def digest(value: str) -> str:
    """Return what is stored of a value. It is random enough for a fast hash."""
    return hashlib.sha256(value.encode()).hexdigest()


def known(request: HttpRequest, user: AbstractBaseUser) -> Browser | None:
    """Return the row of this browser, None if this user has not verified in it (one query, none without a cookie)."""
    digests = [digest(value) for value in presented(request)]
    return Browser.objects.filter(user_id=user.pk, digest__in=digests).order_by("-last_seen_at").first() if digests else None


def remember(request: HttpRequest, user: AbstractBaseUser) -> Browser:
    """Know this browser again, now that the user has verified in it, and return its row.

    The cookie goes out with the response. In a request in which that has been done already, nothing is written.
    """
    notes = request_state(request)
    if notes.browser is None or notes.browser.user_id != user.pk:
        noted = (
            Browser.objects.filter(user_id=user.pk, digest=notes.known_as[1]).first()
            if was_noted(request, user) and notes.known_as
            else None
        )
        notes.browser = noted or _renewed(request, known(request, user), user)
    return notes.browser


def _renewed(request: HttpRequest, browser: Browser | None, user: AbstractBaseUser) -> Browser:
    entry, old = NewCookie.made(request), browser.digest if browser else ""
    if browser is None or not Browser.objects.filter(pk=browser.pk, digest=old).update(**entry.columns):
        # It was never there, or is not any more: what a row said that was revoked meanwhile is not carried over.
        browser = Browser.objects.create(user_id=user.pk, **entry.columns)
    vars(browser).update(entry.columns)
    entry.hand_out(request, user.pk, old)
    return browser


def was_noted(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this request has made this browser known, as one in which the user has verified."""
    known_as = request_state(request).known_as
    return known_as is not None and known_as[0] == user.pk


class NewCookie(NamedTuple):
    """What is known of a browser in which somebody verifies now, with a new value for its cookie."""

    value: str
    columns: dict[str, Any]
    """What its row says from now on."""

    def __repr__(self) -> str:
        """Return the name alone: error reports show this, and the value is a secret of the browser."""
        return f"<{type(self).__name__}>"

    @classmethod
    def made(cls, request: HttpRequest) -> NewCookie:
        """Make a new value for the browser that the request comes from."""
        value = secrets.token_urlsafe(VALUE_BYTES)
        name, address = name_of(request.headers.get("User-Agent", "")), address_of(request)
        return cls(value, {"digest": digest(value), "name": name, "address": address, "last_seen_at": timezone.now()})

    @classmethod
    def of(cls, request: HttpRequest | None) -> NewCookie | None:
        """Make a new value, unless there is no request: then there is no browser either."""
        return None if request is None else cls.made(request)

    @property
    def digest(self) -> str:
        """What is stored of the value."""
        return str(self.columns["digest"])

    def hand_out(self, request: HttpRequest, user_id: Any, old: str) -> None:
        """Let the cookie that goes out have the value, instead of the one with the digest ``old``.

        For a browser that is new (``old`` is empty), whose row is there, others are forgotten where the user has too many.
        """
        if not old:
            bound(user_id)
        kept = [other for other in presented(request) if digest(other) != old]
        notes = request_state(request)
        notes.browser_cookie = ".".join([*kept, self.value][-MOST_VALUES:])
        notes.known_as = (user_id, self.digest)


# How many there are


def bound(user_id: Any) -> None:
    """Forget browsers that the user has not been seen in for so long that they have no cookie, and those beyond the most (one query).

    Those that were trusted till the latest moment stay the longest, then those that the user was seen in last.
    """
    rows = Browser.objects.filter(user_id=user_id).order_by("-last_seen_at", "-pk").values_list("pk", "last_seen_at", "trusted_until")
    found = list(rows)
    now = timezone.now()
    # The sort is stable: the order of the query holds among those that are trusted, and among the others.
    kept = sorted(found, key=lambda row: row[2] is None or row[2] <= now)[:MOST_BROWSERS]
    if gone := [key for key, seen, _until in found if seen < unseen_since() or key not in {row[0] for row in kept}]:
        Browser.objects.filter(pk__in=gone).delete()


def unseen_since() -> datetime:
    """Return the moment before which a browser was seen last whose cookie has run out."""
    return timezone.now() - timedelta(seconds=COOKIE_AGE)


def count_unseen(before: datetime) -> int:
    """Return how many browsers :func:`prune` would forget."""
    return Browser.objects.filter(last_seen_at__lt=before).count()


def prune(before: datetime, batch_size: int = log.BATCH_SIZE) -> Iterator[int]:
    """Forget the browsers that were seen last before that moment, a batch at a time, and yield how many each one was."""
    last, old = 0, Browser.objects.filter(last_seen_at__lt=before).order_by("pk")
    while keys := list(old.filter(pk__gt=last).values_list("pk", flat=True)[:batch_size]):
        last = keys[-1]
        # Whoever was seen there meanwhile stays known.
        gone, _by_model = Browser.objects.filter(pk__in=keys, last_seen_at__lt=before).delete()
        yield gone


def name_of(user_agent: str) -> str:
    """Return what a person calls a browser with that User-Agent header: "Firefox on Linux"."""
    return log.browser(user_agent) or _("Unknown browser")


def address_of(request: HttpRequest) -> str | None:
    """Return the address that allauth's adapter takes the request to come from, None if it cannot tell."""
    try:
        address = str(get_adapter().get_client_ip(request))
        validate_ipv46_address(address)
    except (PermissionDenied, ValidationError):
        return None
    return address
