"""Ending a user's sessions when the second factor is set up or taken away, whichever store they are in.

No store can be searched by user, so none is. A row of ours holds the moment before which the user's sessions have ended, and
each session holds the moment from which it counts. Every request reads the user's ``last_login`` anyway. It changes with each
login and with the moment in the row, and a session stores it: the row is read only if the two differ.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.db import transaction
from django.utils import timezone

from allauth_2fa import compat
from allauth_2fa.audit import events
from allauth_2fa.models import SessionsEnd, insert_or_update, lock_user
from allauth_2fa.state.session import SessionState

from . import keys

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

TICK = timedelta(microseconds=1)
"""The smallest difference that all databases store. The moment in the row is later than every earlier login, on any host's clock."""


# What a session knows


def note(session: MutableMapping[str, Any], user: AbstractBaseUser, *, least: float = 0) -> None:
    """Store in the session that it counts from now on.

    Args:
        session: one that names the user.
        user: as the database has them.
        least: the moment in the user's row, in Unix seconds. The session was found to be later.
    """
    stamp = _stamp(user)
    SessionState(session, user).since = max(time.time() if stamp is None else stamp, least)


def is_noted(session: MutableMapping[str, Any], user: AbstractBaseUser) -> bool:
    """Return whether the user has not changed since the session was last found to count (no query).

    Users without ``last_login`` count as not changed. Their row is read whenever the guard also asks for the factor.
    """
    since, stamp = SessionState(session, user).since, _stamp(user)
    return since is not None and (stamp is None or since == stamp)


def is_over(session: MutableMapping[str, Any], user: AbstractBaseUser) -> bool:
    """Return whether the session was ended (one query). One that counts is noted, so that the row is not read again.

    Only a session that names the user can have ended: a user of a token or a header has none.
    """
    if session.get(SESSION_KEY) != user._meta.pk.value_to_string(user):
        return False
    before = SessionsEnd.objects.filter(user_id=user.pk).values_list("before", flat=True).first()
    since = SessionState(session, user).since
    if before is not None and (since is None or since < before.timestamp()):
        return True
    note(session, user, least=before.timestamp() if before else 0)
    return False


def _stamp(user: AbstractBaseUser) -> float | None:
    last_login = getattr(user, "last_login", None)
    return last_login.timestamp() if last_login else None


# Ending


def invalidate(user: AbstractBaseUser) -> datetime:
    """End every session of the user, and return the moment before which they are over (two statements).

    The caller has locked the user (:func:`~allauth_2fa.models.lock_user`), as the database knows them by that key.
    """
    before = _move_last_login(user) if _keeps_last_login() else timezone.now()
    insert_or_update(SessionsEnd(user_id=user.pk, before=before), unique=["user"], changed=["before"])
    return before


def _move_last_login(user: AbstractBaseUser) -> datetime:
    """Set the user's ``last_login`` to now, or to the moment after it if another host's clock is ahead, and return it."""
    rows = get_user_model()._base_manager.filter(pk=user.pk)
    before = _now_after(user.last_login)
    if not rows.filter(last_login=user.last_login).update(last_login=before):
        # The user has logged in since they were read.
        before = _now_after(rows.values_list("last_login", flat=True).first())
        rows.update(last_login=before)
    return before


def _now_after(moment: datetime | None) -> datetime:
    now = timezone.now()
    return max(now, moment + TICK) if moment else now


def _keeps_last_login() -> bool:
    return any(field.name == "last_login" for field in get_user_model()._meta.concrete_fields)


def end_others(request: HttpRequest, user: AbstractBaseUser, how: str = "", *, before: datetime | None = None) -> int:
    """End the user's other sessions. The session of the request continues, under a new key.

    Args:
        request: whose session it is.
        user: the one who is logged in.
        how: what happened, for the audit log.
        before: the result of :func:`invalidate`, if the change itself has called it.

    Returns:
        The number of sessions that were taken off the list of ``allauth.usersessions``; 0 if that is not installed.
    """
    if before is None:
        before = _lock_and_invalidate(user)
    old_key = request.session.session_key
    keys.renew(request.session)
    if _keeps_last_login():
        user.last_login = before
    SessionState(request.session, user).since = before.timestamp()
    number = _end_listed(user, request, old_key)
    _announce(user, how, number, request=request)
    return number or 0


def end_all(
    user: AbstractBaseUser,
    how: str = "",
    *,
    request: HttpRequest | None = None,
    actor: AbstractBaseUser | None = None,
    before: datetime | None = None,
) -> int:
    """End every session of the user, as support does.

    Args:
        user: whose sessions they are.
        how: what happened, for the audit log.
        request: in which it is done, None for a command.
        actor: who does it, if it is not the user.
        before: the result of :func:`invalidate`, if the change itself has called it.

    Returns:
        The same number as :func:`end_others`.
    """
    if before is None:
        _lock_and_invalidate(user)
    number = _end_listed(user)
    _announce(user, how, number, request=request, actor=actor)
    return number or 0


def _lock_and_invalidate(user: AbstractBaseUser) -> datetime:
    with transaction.atomic():
        lock_user(user.pk)
        return invalidate(user)


def _end_listed(user: AbstractBaseUser, request: HttpRequest | None = None, old_key: str | None = None) -> int | None:
    """Take the user's sessions off the list of ``allauth.usersessions`` and out of their store, None if there is no list.

    They have ended already. They stay in a store that cannot be reached now, and nothing depends on that.
    """
    try:
        with transaction.atomic():
            return compat.end_listed_sessions(user, request, old_key)
    except Exception:  # session stores raise whatever their client library does
        logger.exception("The sessions of user %s are over, but could not be taken out of their store.", user.pk)
        return None


def _announce(user: AbstractBaseUser, how: str, number: int | None, **who: Any) -> None:
    facts: dict[str, Any] = {"how": how} if number is None else {"how": how, "number": number}
    events.announce("sessions_ended", user, **who, **facts)
