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
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_ipv46_address
from django.utils import timezone
from django.utils.translation import gettext as _

from allauth_2fa import audit
from allauth_2fa.models import Browser

from . import challenge

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

COOKIE = "allauth_2fa_browser"
"""The name of the cookie. It holds values apart by dots, the newest one last."""

COOKIE_AGE = 365 * 24 * 60 * 60
"""Seconds that the browser keeps it. Each verified login begins them anew."""

VALUE_BYTES = 18
"""Random bytes of a value: 144 bits, which make 24 characters without padding."""

MOST_VALUES = 5
"""Users of one browser that are known again. A sixth one takes the place of the one who verified there longest ago."""

VALUE = re.compile(r"[A-Za-z0-9_-]{24}")


def presented(request: HttpRequest) -> list[str]:
    """Return the values of the cookie, the oldest first. What has another shape is none."""
    values = request.COOKIES.get(COOKIE, "").split(".")
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

    The cookie goes out with the response. A second call in one request writes nothing.
    """
    notes = challenge.notes(request)
    if notes.browser is None or notes.browser.user_id != user.pk:
        notes.browser = _renewed(request, known(request, user), user)
    return notes.browser


def _renewed(request: HttpRequest, browser: Browser | None, user: AbstractBaseUser) -> Browser:
    changes = {**facts_of(request), "digest": give_value(request, browser.digest if browser else "")}
    if browser is None or not Browser.objects.filter(pk=browser.pk, digest=browser.digest).update(**changes):
        # It was never there, or is not any more: what a row said that was revoked meanwhile is not carried over.
        return Browser.objects.create(user_id=user.pk, **changes)
    vars(browser).update(changes)
    return browser


def facts_of(request: HttpRequest) -> dict[str, Any]:
    """Return what a row says of the browser and of now."""
    return {"name": name_of(request.headers.get("User-Agent", "")), "address": address_of(request), "last_seen_at": timezone.now()}


def give_value(request: HttpRequest, old: str) -> str:
    """Put a new value into the cookie, in the place of the one with the digest ``old``, and return its digest."""
    value = secrets.token_urlsafe(VALUE_BYTES)
    kept = [other for other in presented(request) if digest(other) != old]
    challenge.notes(request).browser_cookie = ".".join([*kept, value][-MOST_VALUES:])
    return digest(value)


def name_of(user_agent: str) -> str:
    """Return what a person calls a browser with that User-Agent header: "Firefox on Linux"."""
    return audit.browser(user_agent) or _("Unknown browser")


def address_of(request: HttpRequest) -> str | None:
    """Return the address that allauth's adapter takes the request to come from, None if it cannot tell."""
    try:
        address = str(get_adapter().get_client_ip(request))
        validate_ipv46_address(address)
    except (PermissionDenied, ValidationError):
        return None
    return address
