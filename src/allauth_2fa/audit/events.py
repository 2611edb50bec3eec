"""Single point where second-factor events are recorded and announced.

The row of the audit log is written in the caller's transaction; the log line and the signal follow its commit, and the mail
follows the response. So nothing is announced for a transaction that is rolled back. An event accepts only the facts that
:data:`EVENTS` lists for it, and none of them holds a secret, a code or a cookie.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.core import context
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from allauth_2fa import after_response, signals

from . import log, notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise
    from django_otp.models import Device

    from allauth_2fa.models.audit import AuditEntry

logger = logging.getLogger("allauth_2fa.events")


class Event(NamedTuple):
    """A kind of event: its name in the past tense, its label for people, and the names of its facts."""

    name: str
    label: _StrPromise
    facts: frozenset[str] = frozenset()
    level: int = logging.INFO


EVENTS: Mapping[str, Event] = {
    row.name: row
    for row in (
        Event("challenge_passed", _("Signed in with a second factor"), frozenset({"factor"})),
        Event(log.OTHER_LOGIN, _("Signed in by a login page other than the usual one"), frozenset({"view"})),
        Event(
            "challenge_refused",
            _("Two-factor authentication failed after a correct password"),
            frozenset({"factor", "reason"}),
            logging.WARNING,
        ),
        Event("reauthenticated", _("Identity confirmed with a second factor"), frozenset({"factor"})),
        Event("device_added", _("A device was added"), frozenset({"factor"})),
        Event("device_renamed", _("A device was renamed"), frozenset({"factor", "was"})),
        Event("device_removed", _("A device was removed"), frozenset({"factor"})),
        Event("device_moved", _("The address of a device was changed"), frozenset({"factor"})),
        Event("device_unreachable", _("Codes can no longer be sent to a device"), frozenset({"factor"}), logging.WARNING),
        Event("two_factor_off", _("Two-factor authentication was turned off"), level=logging.WARNING),
        Event("recovery_codes_made", _("New recovery codes were created"), frozenset({"number"})),
        Event("recovery_code_used", _("A recovery code was used"), frozenset({"left"}), logging.WARNING),
        Event("passkey_cloned", _("A passkey may have been copied"), level=logging.ERROR),
        Event("locked", _("Codes were blocked after too many wrong codes"), frozenset({"scope", "until"}), logging.ERROR),
        Event("unlocked", _("Codes were unblocked"), frozenset({"how", "reason"})),
        Event("browser_trusted", _("A browser was trusted"), frozenset({"browser", "until"})),
        Event("browser_revoked", _("A browser is no longer trusted"), frozenset({"browser", "how"})),
        Event("trusted_browser_used", _("Signed in from a trusted browser"), frozenset({"browser"})),
        Event("browser_copied", _("Two browsers used the same trusted browser cookie"), frozenset({"browser"}), logging.WARNING),
        Event("exempted", _("An exemption from two-factor authentication was granted"), frozenset({"reason", "until"}), logging.WARNING),
        Event("exemption_ended", _("An exemption from two-factor authentication ended"), frozenset({"reason"})),
        Event("sessions_ended", _("Other sessions were ended"), frozenset({"number", "how"})),
        Event("reset_by_support", _("Support removed all second factors"), frozenset({"reason"}), logging.WARNING),
        Event("code_issued_by_support", _("Support issued a recovery code"), frozenset({"reason", "until"}), logging.WARNING),
        Event(notices.TOLD, _("A security mail was sent"), frozenset({"about"})),
    )
}


def announce(
    name: str,
    user: AbstractBaseUser,
    *,
    request: HttpRequest | None = None,
    actor: AbstractBaseUser | None = None,
    device: Device | None = None,
    **facts: Any,
) -> None:
    """Record an event (one INSERT), and announce it when the current transaction is committed. The mail follows the response.

    Args:
        name: a key of :data:`EVENTS`.
        user: the user that the event is about.
        request: the request; None for the current one, if any. A command has none.
        actor: the person who did it, if it was not the user.
        device: the device that the event is about.
        facts: the event's facts, by name; each is stored as one line of at most
            :data:`~allauth_2fa.models.audit.LONGEST_TEXT` characters.

    Raises:
        KeyError: there is no such event.
        TypeError: the event has no such fact.
    """
    event = EVENTS[name]
    if unknown := facts.keys() - event.facts:
        raise TypeError(f"The event {name} takes no {', '.join(sorted(unknown))}.")
    request, actor = request or context.request, actor or user
    kept = {key: log.clean(value) for key, value in facts.items()}
    row = log.record(name, user, actor, log.client_of(request), device=_label(device), facts=kept)

    def tell() -> None:
        _tell(event, row, user, actor, request)

    # Django names a callback that fails by its __qualname__, which a partial lacks.
    transaction.on_commit(tell, robust=True)


def _label(device: Device | None) -> str:
    return "" if device is None else log.clean(device.name or type(device)._meta.verbose_name)


def _tell(event: Event, row: AuditEntry, user: AbstractBaseUser, actor: AbstractBaseUser, request: HttpRequest | None) -> None:
    try:
        _log(event, row)
        signals.two_factor_event.send_robust(
            sender=Event, event=row.event, user=user, actor=actor, request=request, device=row.device, facts=row.facts
        )
    finally:
        if notices.is_wanted(row.event):
            after_response.run(partial(_notify, event, row, user, request))


def _notify(event: Event, row: AuditEntry, user: AbstractBaseUser, request: HttpRequest | None) -> None:
    """Mail the owner, unless a mail about the same event was sent too short a time ago. It raises no exception."""
    with notices.errors_logged(row):
        notice = notices.NOTICES[row.event]
        if notices.may_notify_now(notice, user):
            if notice.pause is not None:
                announce(notices.TOLD, user, request=request, about=row.event)
            notices.send(row, str(event.label), user, request)


def _log(event: Event, row: AuditEntry) -> None:
    told = {name: getattr(row, name) for name in ("user_id", "actor_id", "device", "address", "user_agent", "facts")}
    logger.log(event.level, "%s user=%s actor=%s", row.event, row.user_id, row.actor_id, extra={"event": row.event, **told})
