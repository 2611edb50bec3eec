"""What a session remembers, for one user, and that the guard has stopped it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .store import ChallengeStore, moment, number

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest

SESSION_KEY = "allauth_2fa"
"""Where a session holds what this package keeps in it, for one user: see :class:`SessionState`."""

STOPPED_SESSION_KEY = "allauth_2fa_stopped"
"""Whose login or logged-in session the guard has stopped. It outlives a change of the user: what that user left in the session
is for nobody else, and what was written while one user became another is for nobody at all (``OF_NOBODY``)."""

OF_NOBODY = ""
"""The key of no user."""


def mark_stopped(session: MutableMapping[str, Any], user: AbstractBaseUser | None) -> None:
    """Store in the session that the guard has stopped it, and whose it was; None if it belongs to nobody."""
    session[STOPPED_SESSION_KEY] = OF_NOBODY if user is None else str(user.pk)


def is_stopped(session: MutableMapping[str, Any]) -> bool:
    """Return whether the guard has stopped the session."""
    return STOPPED_SESSION_KEY in session


def take_stopped(session: MutableMapping[str, Any], user: AbstractBaseUser) -> bool:
    """Forget that the session was stopped, and return whether it was stopped for somebody other than this user."""
    return session.pop(STOPPED_SESSION_KEY, None) not in (None, str(user.pk))


class Met(NamedTuple):
    """What the site requires of a user is not due."""

    until: float
    """Unix seconds until which that is believed."""
    due_at: datetime | None
    """When it falls due, None if it never does."""


class SessionState(ChallengeStore):
    """What a session holds of ours for one user: the one reader, and the one writer, of the session's entry.

    The entry belongs to the user for whom it was written. For any other user it is empty, and to write for another user
    replaces it. Whatever is not of its type counts as missing. Nothing is written that is there already: a session is saved
    when it is written to.
    """

    def __init__(self, session: MutableMapping[str, Any], user: AbstractBaseUser | AnonymousUser | None) -> None:
        """Read this user's part of the session.

        Args:
            session: as Django has it.
            user: who is logged in, or whose login waits in the session. None for a visitor.
        """
        super().__init__({})
        self._session = session
        self._owner = "" if user is None or user.pk is None else str(user.pk)

    def _facts(self) -> dict[str, Any]:
        entry = self._session.get(SESSION_KEY)
        return entry if isinstance(entry, dict) and entry.get("user") == self._owner else {}

    def _put(self, **facts: Any) -> None:
        known = self._facts()
        changed = {**known, **facts, "user": self._owner}
        if changed != known:
            # Only what is assigned is saved: a session does not see what changes inside of its entries.
            self._session[SESSION_KEY] = changed

    def _drop(self, *names: str) -> None:
        known = self._facts()
        if not known.keys().isdisjoint(names):
            self._session[SESSION_KEY] = {name: value for name, value in known.items() if name not in names}

    def _set(self, name: str, value: Any) -> None:
        if value is None or value is False:
            self._drop(name)
        else:
            self._put(**{name: value})

    def clear_checks(self) -> None:
        """Forget what the guard has found out about the user."""
        self._drop("checked_at", "met", "mfa", "trust")

    def clear_login(self) -> None:
        """Forget that the user is logged in: since when the session counts, and what the guard has found out."""
        self._drop("since", "checked_at", "met", "mfa", "trust")

    def clear_enrollment(self) -> None:
        """Forget which devices the session has been shown."""
        self._drop("shown_secret", "adding")

    @property
    def since(self) -> float | None:
        """The user's ``last_login``, in Unix seconds, when the session began, or when it was last found to count."""
        return number(self._facts().get("since"))

    @since.setter
    def since(self, value: float) -> None:
        self._set("since", value)

    @property
    def checked_at(self) -> float | None:
        """Unix seconds: the user needed no second factor then."""
        return number(self._facts().get("checked_at"))

    @checked_at.setter
    def checked_at(self, value: float) -> None:
        self._set("checked_at", value)

    @property
    def met(self) -> Met | None:
        """Until when nothing that the site requires is due, None if that is not known."""
        match self._facts().get("met"):
            case [kept_until, kept_due] if (until := number(kept_until)) is not None:
                due_at = moment(kept_due)
                return None if due_at is None and kept_due is not None else Met(until, due_at)
        return None

    @met.setter
    def met(self, value: Met | None) -> None:
        due = value and value.due_at
        self._set("met", value and [value.until, due and due.timestamp()])

    @property
    def is_proved_by_mfa(self) -> bool:
        """Whether ``allauth.mfa`` has accepted this user's answer in this session."""
        return self._facts().get("mfa") is True

    @is_proved_by_mfa.setter
    def is_proved_by_mfa(self, value: bool) -> None:
        self._set("mfa", value)

    @property
    def trust(self) -> list[Any] | None:
        """The trust in this browser by which the session began: ``[user id, key of the row, name of the trust]``."""
        mark = self._facts().get("trust")
        return mark if isinstance(mark, list) else None

    @trust.setter
    def trust(self, mark: list[Any]) -> None:
        self._set("trust", mark)

    @property
    def shown_secret(self) -> str:
        """The fingerprint of the secret that this session has been shown, empty if there is none."""
        return self._text("shown_secret")

    @shown_secret.setter
    def shown_secret(self, fingerprint: str) -> None:
        self._set("shown_secret", fingerprint)

    @property
    def adding(self) -> tuple[str, str] | None:
        """The device that this session is adding: its django-otp id and its fingerprint."""
        kept = self._facts().get("adding")
        if not isinstance(kept, list) or [type(part) for part in kept] != [str, str]:
            return None
        return kept[0], kept[1]

    @adding.setter
    def adding(self, value: tuple[str, str] | None) -> None:
        self._set("adding", value and list(value))

    @property
    def codes_pending(self) -> bool:
        """Whether the user has enrolled a first factor in this session, and has not been shown recovery codes yet."""
        return self._facts().get("codes_pending") is True

    @codes_pending.setter
    def codes_pending(self, value: bool) -> None:
        self._set("codes_pending", value)

    @property
    def passkeys_changed(self) -> bool:
        """Whether the browser has to be told which passkeys are left."""
        return self._facts().get("passkeys_changed") is True

    @passkeys_changed.setter
    def passkeys_changed(self, value: bool) -> None:
        self._set("passkeys_changed", value)

    @property
    def unknown_passkey(self) -> str:
        """The id of a passkey that a visitor has offered and that does not exist here, until the browser has been told."""
        return self._text("unknown_passkey")

    @unknown_passkey.setter
    def unknown_passkey(self, credential_id: str) -> None:
        self._set("unknown_passkey", credential_id or None)

    def _text(self, name: str) -> str:
        kept = self._facts().get(name)
        return kept if isinstance(kept, str) else ""


def visitor_state(request: HttpRequest) -> SessionState:
    """Return what the session holds for a visitor whom it does not know yet."""
    return SessionState(request.session, None)


def session_state(request: HttpRequest, user: AbstractBaseUser) -> SessionState:
    """Return what the session holds for whoever is logged in in it; while nobody is, for the user whose login waits.

    Args:
        request: whose session it is.
        user: whose device is added, say. A page of the project's own may add one for somebody else.
    """
    logged_in: Any = getattr(request, "user", None)
    return SessionState(request.session, logged_in if logged_in is not None and logged_in.is_authenticated else user)
