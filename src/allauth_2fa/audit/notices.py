"""Mails to the owner of an account: which events are mailed, with which advice, and how often (:data:`NOTICES`)."""

from __future__ import annotations

import logging
import re
import unicodedata
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.account.models import EmailAddress
from allauth.account.utils import user_email
from allauth.core import context as current
from allauth.utils import build_absolute_uri
from django.core.cache import cache
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from allauth_2fa import app_settings, compat, mails
from allauth_2fa.mails import Mail

from . import log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise

    from allauth_2fa.models.audit import AuditEntry

logger = logging.getLogger(__name__)

TEMPLATES = "allauth_2fa/email/"
"""Folder of the mail templates. A template named after the event replaces the common one."""

COMMON = "allauth_2fa/email/notice"

OVERVIEW, PASSWORD_RESET = "two-factor-overview", "account_reset_password"
ACTIONS = {OVERVIEW: _("Check your devices"), PASSWORD_RESET: _("Change your password")}
"""What the owner can do on the page that a mail links to."""

CHANGED = _("If this wasn't you, sign in, remove any device that is not yours, and change your password.")
KNOWS_PASSWORD = _("If this wasn't you, someone knows your password. Change it now.")
KNOWS_BOTH = _("If this wasn't you, someone has your recovery codes and password. Change your password, then create new codes.")
COPIED = _("This passkey may have been copied. Sign in, remove it, and add a new one.")
UNREACHABLE = _("The address of this device is gone. Sign in with a recovery code and add another device, or contact support.")
ASK_SITE = _("If this wasn't you, sign in, check your devices, and contact support.")


class Notice(NamedTuple):
    """The mail about one event."""

    event: str
    otherwise: _StrPromise
    """What the owner has to do if it was somebody else, as whole sentences."""
    page: str = OVERVIEW
    """The URL name of the page that the mail links to."""
    pause: timedelta | None = None
    """The time in which at most one mail is sent about this event; None to send one each time."""
    even_so: bool = False
    """Whether the advice also applies if it was the owner."""


NOTICES: Mapping[str, Notice] = {
    row.event: row
    for row in (
        Notice("challenge_refused", KNOWS_PASSWORD, PASSWORD_RESET, pause=timedelta(hours=6)),
        Notice("device_added", CHANGED),
        Notice("device_renamed", CHANGED),
        Notice("device_removed", CHANGED),
        Notice("device_moved", CHANGED),
        Notice("device_unreachable", UNREACHABLE, even_so=True),
        Notice("two_factor_off", CHANGED),
        Notice("recovery_codes_made", CHANGED),
        Notice("recovery_code_used", KNOWS_BOTH, PASSWORD_RESET),
        Notice("passkey_cloned", COPIED, even_so=True),
        Notice("locked", KNOWS_PASSWORD, PASSWORD_RESET),
        Notice("unlocked", KNOWS_PASSWORD, PASSWORD_RESET),
        Notice("browser_trusted", CHANGED),
        Notice("browser_copied", KNOWS_PASSWORD, PASSWORD_RESET),
        Notice("exempted", ASK_SITE),
        Notice("reset_by_support", ASK_SITE),
        Notice("code_issued_by_support", ASK_SITE),
    )
}
"""The events that are mailed. Add each new event that changes the protection of an account or points to an attack."""


def is_wanted(event: str) -> bool:
    """Return whether the site has the owner told of this event."""
    chosen = app_settings.NOTIFY
    return event in NOTICES and bool(chosen.get(event, True) if isinstance(chosen, dict) else chosen)


# How often


def may_notify_now(notice: Notice, user: AbstractBaseUser) -> bool:
    """Return whether the owner may be mailed about this event now.

    The audit log records when the last mail was sent. The cache saves that query where it works, and lets only one of several
    simultaneous events send a mail.
    """
    if notice.pause is None:
        return True
    key = f"allauth_2fa.told:{notice.event}:{user.pk}"
    with suppress(Exception):  # a cache that is down may raise any exception; the audit log has the same answer
        if not cache.add(key, 1, notice.pause.total_seconds()):
            return False
    return not log.has_happened(TOLD, user, notice.pause, about=notice.event)


TOLD = "owner_told"
"""The event that records that a mail with a pause was sent."""


# The mail


@contextmanager
def errors_logged(row: AuditEntry) -> Iterator[None]:
    """Log an error of the block by its type and let it stop nothing: mail servers, queues and templates may raise any exception."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        # Log the type only: the message may contain an address or parts of the mail.
        logger.error("The mail on %s to user %s could not be sent: %s", row.event, row.user_id, type(error).__name__)


def send(row: AuditEntry, label: str, user: AbstractBaseUser, request: HttpRequest | None) -> None:
    """Mail the owner. It may raise any exception."""
    with current.request_context(request):
        address = address_of(user)
        if address:
            context = context_of(row, request) | {"subject": label, "account": _account(user, address)}
            mails.deliver(Mail(_prefix(row.event), address, context))


def address_of(user: AbstractBaseUser) -> str:
    """Return the address to mail: a verified one before others, the primary one first, else the account's own (one query)."""
    known = EmailAddress.objects.filter(user_id=user.pk).order_by("-verified", "-primary", "pk").first()
    return known.email if known else user_email(user)


def _prefix(event: str) -> str:
    """Return the prefix of the template names: that of the project's templates for this event, or of the common ones."""
    try:
        get_template(f"{TEMPLATES}{event}_subject.txt")
    except TemplateDoesNotExist:
        return COMMON
    return f"{TEMPLATES}{event}"


def _account(user: AbstractBaseUser, address: str) -> str:
    """Return the name of the account for the mail. On many sites it equals the address that the mail goes to."""
    shown = str(compat.user_display(user))
    return shown if shown == address else harmless(shown)


def context_of(row: AuditEntry, request: HttpRequest | None) -> dict[str, Any]:
    """Return the context of the mail's templates. Text that a visitor can choose is left out or made harmless.

    Only known names of browser and system are taken from the user agent, since an attacker with the password can choose it.
    """
    notice = NOTICES[row.event]
    by_owner = row.actor_id == row.user_id
    return {
        "event": row.event,
        "device": harmless(row.device, digits=MOST_DIGITS),
        "facts": {name: harmless(value, digits=MOST_DIGITS if name in CHOSEN_BY_VISITORS else None) for name, value in row.facts.items()},
        "at": row.at,
        "by_owner": by_owner,
        "address": row.address if by_owner else "",
        "browser": log.browser(row.user_agent) if by_owner else "",
        "otherwise": notice.otherwise,
        "even_so": notice.even_so,
        **_link(notice.page, request),
    }


MOST_DIGITS = 4
"""Most digits that a name may keep, as in "YubiKey 5" or "Phone 2026". With more it could be a phone number to call."""

CHOSEN_BY_VISITORS = frozenset({"was"})
"""The facts that a signed-in user can choose."""


def harmless(name: str, digits: int | None = None) -> str:
    """Return a name without characters that a mail program could turn into a link or an address.

    Args:
        name: the name as it was typed.
        digits: the most digits that the name may have; with more, all of them are removed. None keeps them.
    """
    if digits is not None and sum(map(_is_digit, name)) > digits:
        name = "".join(" " if _is_digit(sign) else sign for sign in name)
    return " ".join(re.sub(r"[^\w\s'()+,&-]", " ", name).split())


def _is_digit(sign: str) -> bool:
    """Return whether a person reads the character as a digit; full-width, raised and circled digits count."""
    return unicodedata.category(sign).startswith("N")


def _link(page: str, request: HttpRequest | None) -> dict[str, Any]:
    """Return the URL of the page and what to do there; of the overview, if the site does not have the page."""
    url = _url(page, request)
    return {"url": url, "action": ACTIONS[page]} if url else {"url": _url(OVERVIEW, request), "action": ACTIONS[OVERVIEW]}


def _url(page: str, request: HttpRequest | None) -> str:
    try:
        return str(build_absolute_uri(request, reverse(page)))
    except NoReverseMatch:
        return ""
