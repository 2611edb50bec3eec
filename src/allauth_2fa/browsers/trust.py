"""Trusted browsers: for some days, the password alone logs the user in there. The session is not verified.

Trust belongs to a row of :class:`~allauth_2fa.models.Browser`, which is found by the random value in the browser's cookie.
It holds for one user, with the password and the devices as they were when it was given, so that a change of either ends it
whoever makes it. Each such login replaces the value: whoever presents the earlier one has a copy.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.db import transaction
from django.utils import timezone

from allauth_2fa import app_settings, statements
from allauth_2fa.audit import events
from allauth_2fa.factors import registry
from allauth_2fa.models import Browser
from allauth_2fa.state.pending import clear_pending
from allauth_2fa.state.request import request_state
from allauth_2fa.state.session import SessionState
from allauth_2fa.statements import Given

from . import device_cookie, trust_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

    from allauth_2fa.state.pending import PendingLogin

NAME_BYTES = 12
"""Random bytes that name one trust: 96 bits. A session that began by an ended trust does not continue with the next one."""

GRACE = timedelta(seconds=60)
"""How long the earlier value is no sign of a copy: a form that is sent twice, or two windows, may still present it."""

DISTRUSTED = {"trusted_until": None, "trust": "", "superseded": ""}
"""The columns of a browser that is not trusted."""


def may_trust(user: AbstractBaseUser) -> bool:
    """Return whether the site and the project's adapter let this user have browsers trusted (no query)."""
    allows = getattr(get_adapter(), "may_trust_browser", default_rule)
    return bool(app_settings.TRUST_DAYS > 0 and allows(user))


def default_rule(user: AbstractBaseUser) -> bool:
    """Return whether this user may, as far as the settings say."""
    is_staff = getattr(user, "is_staff", False) or getattr(user, "is_superuser", False)
    return bool(app_settings.TRUST_STAFF or not is_staff)


# Giving it


def is_strong(device: Device) -> bool:
    """Return whether the device may give trust. A recovery code may not: whoever uses one has lost something."""
    factor = registry.factor_of(device)
    return factor is not None and factor.primary


def grant(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Trust the browser of the request, in which the user has just logged in by a second factor, and announce it.

    A row that was revoked or renewed meanwhile, in another request, is left alone.
    """
    browser = device_cookie.remember(request, user)
    _rows, held = trust_rows.look(user, trust_rows.no_row)
    name = secrets.token_urlsafe(NAME_BYTES)
    until = timezone.now() + timedelta(days=app_settings.TRUST_DAYS)
    trust = f"{name}.{next(trust_rows.fingerprints(user, name, held))}"
    with transaction.atomic():
        mine = Browser.objects.filter(pk=browser.pk, user_id=user.pk, digest=browser.digest)
        if mine.update(**DISTRUSTED | {"trusted_until": until, "trust": trust}):
            events.announce("browser_trusted", user, request=request, browser=browser.name, until=until.date())


# Logging in by trust


def pass_login(request: HttpRequest, user: AbstractBaseUser, state: PendingLogin) -> bool:
    """Let the login continue without a second factor if this browser is trusted, and return whether it is.

    That is one query for a browser that has a cookie, and none for others. Using the trust costs one more, and the row of the audit log.

    Args:
        request: whose browser it is.
        user: who has passed the first factor.
        state: of our stage. It stores the trust, because another stage may come before the login is finished.
    """
    digests = [device_cookie.digest(value) for value in device_cookie.presented(request)]
    if not digests or not may_trust(user):
        return False
    now = timezone.now()
    rows, held = trust_rows.look(
        user,
        trust_rows.by_cookie,
        digests=Given(Browser, "digest", digests, slots=device_cookie.MOST_VALUES),
        now=Given(Browser, "trusted_until", now),
        copied=Given(Browser, "last_seen_at", now - GRACE),
    )
    for row in rows:
        if row.digest not in digests:
            _tell_copied(request, user, row)
    mine = next((row for row in rows if row.digest in digests and trust_rows.is_sound(user, row.trust, held)), None)
    if mine is None or not _renew(request, user, mine):
        return False
    request_state(request).trusted_by = mark = [str(user.pk), mine.pk, mine.name]
    state.pass_by_trust(mark)
    clear_pending(request)
    return True


def _renew(request: HttpRequest, user: AbstractBaseUser, row: trust_rows.TrustRow) -> bool:
    """Give the browser its next value, if the row is still as it was looked at. It is one conditional UPDATE: the verdict."""
    entry = device_cookie.NewCookie.made(request)
    with transaction.atomic():
        mine = {"id": row.pk, "user": user.pk, "digest": row.digest, "trust": row.trust, "trusted_until__gt": timezone.now()}
        is_first = bool(statements.update(Browser, mine, {**entry.columns, "superseded": row.digest}))
        if is_first:
            events.announce("trusted_browser_used", user, request=request, browser=entry.columns["name"])
    if is_first:
        entry.hand_out(request, user.pk, row.digest)
        # The user has verified nothing: nothing in this request may report that they have.
        request_state(request).known_as = None
    return is_first


def _tell_copied(request: HttpRequest, user: AbstractBaseUser, row: trust_rows.TrustRow) -> None:
    """Trust neither of two browsers that come with values of one row: one of them is a thief's, and nobody knows which."""
    with transaction.atomic():
        if trust_rows.alive(user).filter(pk=row.pk, digest=row.digest).update(**DISTRUSTED):
            called = Browser.objects.filter(pk=row.pk).values_list("name", flat=True).first()
            events.announce("browser_copied", user, request=request, browser=called or "")


def still_passes(request: HttpRequest, user: AbstractBaseUser, mark: Any) -> bool:
    """Return whether a login with this mark may be finished (one query, none in the request that has used the trust)."""
    return request_state(request).trusted_by == mark or _still_holds(user, mark)


def note(request: HttpRequest, user: AbstractBaseUser, mark: Any) -> None:
    """Store the trust in the session, which then ends with it."""
    SessionState(request.session, user).trust = mark


def holds(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this session began by a trust that still holds (one query, none for a session without a mark)."""
    return _still_holds(user, SessionState(request.session, user).trust)


def _still_holds(user: AbstractBaseUser, mark: Any) -> bool:
    is_mark = isinstance(mark, list) and [type(part) for part in mark] == [str, int, str]
    if not is_mark or mark[0] != str(user.pk) or not may_trust(user):
        return False
    _user_id, key, name = mark
    rows, held = trust_rows.look(
        user, trust_rows.by_key, key=Given(Browser, "id", key), now=Given(Browser, "trusted_until", timezone.now())
    )
    return any(row.name == name and trust_rows.is_sound(user, row.trust, held) for row in rows)


# Listing and ending it


def trusted(user: AbstractBaseUser) -> list[Browser]:
    """Return the browsers that are trusted now, the last used one first (two queries). Expired and invalid ones are left out."""
    rows = list(trust_rows.alive(user).order_by("-last_seen_at")) if may_trust(user) else []
    held = trust_rows.look(user, trust_rows.no_row)[1] if rows else ""
    return [row for row in rows if trust_rows.is_sound(user, row.trust, held)]


def is_trusted(user: AbstractBaseUser, browser: Browser) -> bool:
    """Return whether this row of the user's is trusted now (one query, none for a row that cannot be)."""
    if browser.trusted_until is None or browser.trusted_until <= timezone.now() or not may_trust(user):
        return False
    return trust_rows.is_sound(user, browser.trust, trust_rows.look(user, trust_rows.no_row)[1])


def is_this(request: HttpRequest, browser: Browser) -> bool:
    """Return whether the row is that of the browser that the request comes from (no query)."""
    return browser.digest in map(device_cookie.digest, device_cookie.presented(request))


def revoke(
    user: AbstractBaseUser,
    how: str,
    keys: Iterable[int] | None = None,
    *,
    request: HttpRequest | None = None,
    actor: AbstractBaseUser | None = None,
) -> int:
    """End the trust in browsers of the user, announce each, and return how many there were.

    They stay known, as browsers in which the user has verified, which skips nothing.

    Args:
        user: whose browsers they are.
        how: what ended it, for the audit log.
        keys: of the rows; None for all. Rows of other users are none.
        request: in which it happened.
        actor: who did it, if it was not the user.
    """
    rows = Browser.objects.filter(user_id=user.pk, trusted_until__isnull=False)
    ended = 0
    for browser in rows if keys is None else rows.filter(pk__in=keys):
        with transaction.atomic():
            if rows.filter(pk=browser.pk).update(**DISTRUSTED):
                events.announce("browser_revoked", user, request=request, actor=actor, browser=browser.name, how=how)
                ended += 1
    return ended


def invalidate(user_id: Any) -> None:
    """End what devices that are removed now have given (one UPDATE, in the caller's transaction).

    The fingerprint ends it as well, until a device is added and removed again: then the devices are those of before.
    """
    Browser.objects.filter(user_id=user_id, trusted_until__isnull=False).update(**DISTRUSTED)
