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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_ipv46_address
from django.utils import timezone
from django.utils.translation import gettext as _

from allauth_2fa.audit import log
from allauth_2fa.models import Browser
from allauth_2fa.state import request_state

if TYPE_CHECKING:
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

VALUE = re.compile(r"[A-Za-z0-9_-]{24}")


def presented(request: HttpRequest) -> list[str]:
    """Return the values of the cookie, the oldest first, as they will be behind this request. What has another shape is none."""
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
    entry.hand_out(request, user.pk, old)
    if browser is None or not Browser.objects.filter(pk=browser.pk, digest=old).update(**entry.columns):
        # It was never there, or is not any more: what a row said that was revoked meanwhile is not carried over.
        return Browser.objects.create(user_id=user.pk, **entry.columns)
    vars(browser).update(entry.columns)
    return browser


def was_noted(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this request has made this browser known, as one in which the user has verified."""
    known_as = request_state(request).known_as
    return known_as is not None and known_as[0] == user.pk


@dataclass(frozen=True, slots=True)
class NewCookie:
    """What is known of a browser in which somebody verifies now, with a new value for its cookie."""

    value: str = field(repr=False)
    columns: dict[str, Any]
    """What its row says from now on."""

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
        """Let the cookie that goes out have the value, instead of the one with the digest ``old``."""
        kept = [other for other in presented(request) if digest(other) != old]
        notes = request_state(request)
        notes.browser_cookie = ".".join([*kept, self.value][-MOST_VALUES:])
        notes.known_as = (user_id, self.digest)


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
