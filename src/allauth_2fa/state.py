"""What is known of a login and a request: the only place that says where it is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

from django.conf import settings

from . import compat

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest
    from django_otp.models import Device

    from allauth_2fa.budget.budget import Budget
    from allauth_2fa.requirement.policy import Requirement

    from .models import Browser

SESSION_KEY = "allauth_2fa"
"""Where a session holds what this package keeps in it, for one user: see :class:`SessionState`."""

STOPPED_SESSION_KEY = "allauth_2fa_stopped"
"""Whose login or logged-in session the guard has stopped. It outlives a change of the user: what that user left in the session
is for nobody else, and what was written while one user became another is for nobody at all (``OF_NOBODY``)."""

OF_NOBODY = ""
"""The key of no user."""

ENROLLMENT_KEY = "two_factor_enrollment"
"""The id of our other stage, at which a login waits for a device that the site requires."""

OUR_STAGES = (compat.STAGE_KEY, ENROLLMENT_KEY)

PENDING_SESSION_KEY = "allauth_2fa_user_id"
"""The name by which 0.x told that a second factor is pending. It is written for others and never read here."""

CHALLENGE_PAGE = "two-factor-authenticate"
"""The name of the page that asks for the second factor."""

ENROLLMENT_PAGE = "two-factor-enroll"
"""The name of the page that leads a login on to the user's first device."""


class Standing(Enum):
    """What has become of the session in this request, as far as anybody has asked for its user."""

    SHOWN = "It shows its user, or nobody has asked."
    OPEN = "Its user lacks what the site requires, and was shown because the page seemed to be one that stays open."
    KEPT_OUT = "Its user lacks what the site requires, and was not shown to the view."
    STOPPED = "It was turned into a pending login when somebody asked for its user."
    STOPPED_AT_LOGIN = "It was turned into a pending login at Django's signal, in the view that logged it in."


@dataclass(slots=True)
class RequestState:
    """What this request has learnt about its login, from the stages to the adapter and the middleware."""

    login: compat.Login | None = None
    """The login that is running through the stages."""
    asked: bool = False
    """Our stage has found out in this request whether that login needs a second factor."""
    settled: bool = False
    """The stages have let that login pass; the guard need not look at it again. One look uses it up."""
    standing: Standing = Standing.SHOWN
    """What has become of the session."""
    shown: AbstractBaseUser | None = None
    """The user whom the request has shown so far."""
    ended: Any = None
    """The session that was over and has been emptied. allauth's headless API may put another one in its place."""
    page: str = CHALLENGE_PAGE
    """The name of the page on which that login is gone on with."""
    has_proved: bool = False
    """That login waits for another device, and has answered for one that its user holds."""
    requirement: Requirement | None = None
    """What the site asks of that login's user, or of the one whose session may not be shown on this page."""
    look_again: Callable[[], None] = lambda: None
    """Has whoever asks for the user next see what is decided again."""
    device: Device | None = None
    """The device that has just accepted the answer."""
    marked: bool | None = None
    """Whether the marker cookie has to be set (True) or taken away (False) with the response."""
    budget: Budget | None = None
    """What answers in this browser are taken from, as it was when the answer came."""
    let_in: list[Any] | None = None
    """By which trust in this browser that login was let pass without a second factor."""
    browser: Browser | None = None
    """The row of this browser, if its user has verified in this request and somebody has asked for it."""
    known_as: tuple[Any, str] | None = None
    """The user that has verified in this browser in this request, and the digest by which it is known from now on."""
    browser_cookie: str | None = None
    """What the cookie of this browser has to be from now on."""

    @property
    def is_stopped(self) -> bool:
        """Whether the session was turned into a pending login in this request."""
        return self.standing in {Standing.STOPPED, Standing.STOPPED_AT_LOGIN}

    @property
    def is_kept_out(self) -> bool:
        """Whether the session's user lacks what the site requires, and was not shown to the view."""
        return self.standing is Standing.KEPT_OUT


def request_state(request: HttpRequest) -> RequestState:
    """Return the notes of this request, begun when first asked for."""
    found = getattr(request, "_allauth_2fa", None)
    if found is None:
        found = request._allauth_2fa = RequestState()  # type: ignore[attr-defined]  # noqa: SLF001 - our own attribute
    return found


def take_settled(request: HttpRequest) -> bool:
    """Return whether the stages have let pass the login that is announced now.

    It holds for that one, and for no other one that a view makes in the same request.
    """
    settled, request_state(request).settled = request_state(request).settled, False
    return settled


def mark_pending(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Mark the session as one in which this user's login waits."""
    request.session[PENDING_SESSION_KEY] = str(user.pk)
    request_state(request).marked = True


def is_marked_pending(session: MutableMapping[str, Any]) -> bool:
    """Return whether the session is marked as one in which a login waits."""
    return PENDING_SESSION_KEY in session


def clear_pending(request: HttpRequest) -> None:
    """Take away what marked the session as waiting."""
    request.session.pop(PENDING_SESSION_KEY, None)
    request_state(request).marked = False


# What a session holds


def mark_stopped(session: MutableMapping[str, Any], user: AbstractBaseUser | None) -> None:
    """Keep in the session that the guard has stopped it, and whose it was; None for what is for nobody."""
    session[STOPPED_SESSION_KEY] = OF_NOBODY if user is None else str(user.pk)


def is_stopped(session: MutableMapping[str, Any]) -> bool:
    """Return whether the guard has stopped the session."""
    return STOPPED_SESSION_KEY in session


def take_stopped(session: MutableMapping[str, Any], user: AbstractBaseUser) -> bool:
    """Forget that the session was stopped, and return whether it was stopped for somebody other than this user."""
    return session.pop(STOPPED_SESSION_KEY, None) not in (None, str(user.pk))


def _number(value: Any) -> float | None:
    """Return the value if it is a number that can be reckoned with, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _moment(value: Any) -> datetime | None:
    """Return the moment of these Unix seconds as the database has it, None if there is no such moment."""
    try:
        return datetime.fromtimestamp(_number(value), tz=UTC if settings.USE_TZ else None)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


class ChallengeStore:
    """Where the questions of a challenge are kept: which codes were sent for it, and what a passkey was asked.

    What is read here may be anything: a session may be a cookie, and an older release may have written it.
    """

    def __init__(self, facts: Any) -> None:
        """Keep them in this dict.

        Args:
            facts: a dict. Anything else counts as an empty one, and stays as it is.
        """
        self._kept: dict[str, Any] = facts if isinstance(facts, dict) else {}

    def _facts(self) -> dict[str, Any]:
        return self._kept

    def _put(self, **facts: Any) -> None:
        self._kept.update(facts)

    def _drop(self, *names: str) -> None:
        for name in names:
            self._kept.pop(name, None)

    @property
    def sent(self) -> dict[str, Any]:
        """The name of each code that was sent for this challenge, by the django-otp id of its device."""
        sent = self._facts().get("sent")
        return sent if isinstance(sent, dict) else {}

    def note_sent(self, device_id: str, code_name: str) -> None:
        """Keep which code a device has sent last for this challenge. The name is of no use to anybody without the code."""
        self._put(sent={**self.sent, device_id: code_name})

    def keep_question(self, purpose: str, question: dict[str, Any]) -> None:
        """Keep what a passkey was asked, instead of an earlier question for the same purpose."""
        self._put(**{purpose: question})

    def take_question(self, purpose: str) -> dict[str, Any]:
        """Return the question for that purpose once, empty if there is none."""
        question = self._facts().get(purpose)
        self._drop(purpose)
        return question if isinstance(question, dict) else {}


class ProvedBy(StrEnum):
    """By what a login is proved, beyond the first factor."""

    NOTHING_YET = "nothing yet"
    """It needs a proof, and has none."""
    DEVICE = "device"
    """A device has accepted an answer."""
    PASSKEY = "passkey"
    """It was begun by a passkey that has proved both factors."""
    MFA = "mfa"
    """``allauth.mfa`` judges it, at our stage."""
    TRUST = "trust"
    """It was let pass in a trusted browser."""
    NOT_ASKED = "not asked"
    """Nothing is asked of its user."""


_DETAILS: dict[ProvedBy, list[type]] = {ProvedBy.DEVICE: [str], ProvedBy.PASSKEY: [str, int], ProvedBy.TRUST: [list]}
"""What is kept beside each of them: the device's django-otp id; that, and when the passkey was used; the mark of the trust."""


class PendingLogin(ChallengeStore):
    """What a stage of ours knows of a login: a typed view of the stage's state, which allauth keeps as JSON with the login.

    What cannot be read counts as a login that needs a proof and has none.
    """

    def _proof(self) -> tuple[ProvedBy, list[Any]]:
        kept = self._kept.get("proved_by")
        by, *details = kept if isinstance(kept, list) and kept else [ProvedBy.NOTHING_YET]
        known = next((proof for proof in ProvedBy if proof == by), ProvedBy.NOTHING_YET)
        if [type(detail) for detail in details] != _DETAILS.get(known, []):
            return ProvedBy.NOTHING_YET, []
        return known, details

    def _prove(self, by: ProvedBy, *details: Any) -> None:
        # JSON from the start: in a later request it is what it is in this one.
        self._put(proved_by=[str(by), *details])

    @property
    def proved_by(self) -> ProvedBy:
        """By what the login is proved."""
        return self._proof()[0]

    @property
    def needs_device(self) -> bool:
        """Whether the login ends without a device that has answered, or has just been added."""
        return self.proved_by in {ProvedBy.NOTHING_YET, ProvedBy.DEVICE, ProvedBy.PASSKEY}

    @property
    def device_id(self) -> str | None:
        """The django-otp id of the device that has answered, None if none has."""
        by, details = self._proof()
        return details[0] if by in {ProvedBy.DEVICE, ProvedBy.PASSKEY} else None

    @property
    def passkey_used_at(self) -> int:
        """When the passkey was used that began the login, in microseconds; 0 if none has."""
        by, details = self._proof()
        return details[1] if by is ProvedBy.PASSKEY else 0

    @property
    def trust(self) -> list[Any] | None:
        """The mark of the trust by which the login was let pass, None if it was not."""
        by, details = self._proof()
        return details[0] if by is ProvedBy.TRUST else None

    def wait(self, user: AbstractBaseUser) -> None:
        """Let the login end without a proof, or when the password of its user has changed."""
        self._prove(ProvedBy.NOTHING_YET)
        self._put(password=user.get_session_auth_hash())

    def prove_by_device(self, device: Device) -> None:
        """Keep that the device has answered. It is kept here, not on the user: another stage may come in between and re-read it."""
        self._prove(ProvedBy.DEVICE, device.persistent_id)

    def prove_by_passkey(self, device: Device, used_at: int) -> None:
        """Keep that the passkey has begun the login, and when it was used."""
        self._prove(ProvedBy.PASSKEY, device.persistent_id, used_at)

    def leave_to_mfa(self) -> None:
        """Let ``allauth.mfa`` judge the login."""
        self._prove(ProvedBy.MFA)

    def pass_by_trust(self, mark: list[Any]) -> None:
        """Keep by which trust in the browser the login was let pass."""
        self._prove(ProvedBy.TRUST, mark)

    def ask_nothing(self) -> None:
        """Let the login go on without a proof."""
        self._prove(ProvedBy.NOT_ASKED)

    @property
    def password(self) -> str | None:
        """Django's hash of the password with which the login began."""
        kept = self._kept.get("password")
        return kept if isinstance(kept, str) else None

    @property
    def backend(self) -> str | None:
        """The authentication back end of a session that was turned into this login."""
        kept = self._kept.get("backend")
        return kept if isinstance(kept, str) else None

    @backend.setter
    def backend(self, path: str | None) -> None:
        self._put(backend=path)

    @property
    def wants_trust(self) -> bool:
        """Whether the user has asked to have this browser trusted, by a device that may give trust."""
        return self._kept.get("wants_trust") is True

    @wants_trust.setter
    def wants_trust(self, value: bool) -> None:
        self._put(wants_trust=value)

    @property
    def sessions_ended(self) -> datetime | None:
        """The moment before which the user's sessions are over, if the login has added a first device."""
        return _moment(self._kept.get("sessions_ended"))

    @sessions_ended.setter
    def sessions_ended(self, before: datetime) -> None:
        self._put(sessions_ended=before.timestamp())


@dataclass(frozen=True, slots=True)
class Met:
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
        return _number(self._facts().get("since"))

    @since.setter
    def since(self, value: float) -> None:
        self._set("since", value)

    @property
    def checked_at(self) -> float | None:
        """Unix seconds: the user needed no second factor then."""
        return _number(self._facts().get("checked_at"))

    @checked_at.setter
    def checked_at(self, value: float) -> None:
        self._set("checked_at", value)

    @property
    def met(self) -> Met | None:
        """That what the site requires is not due, None if that is not known."""
        kept = self._facts().get("met")
        if not isinstance(kept, list) or len(kept) != 2:  # noqa: PLR2004 - until when, and when it is due
            return None
        until, due_at = _number(kept[0]), _moment(kept[1])
        return None if until is None or (due_at is None and kept[1] is not None) else Met(until, due_at)

    @met.setter
    def met(self, value: Met | None) -> None:
        due = value and value.due_at
        self._set("met", value and [value.until, due and due.timestamp()])

    @property
    def is_proved_by_mfa(self) -> bool:
        """Whether ``allauth.mfa`` has judged this user's answer in this session."""
        return self._facts().get("mfa") is True

    @is_proved_by_mfa.setter
    def is_proved_by_mfa(self, value: bool) -> None:
        self._set("mfa", value)

    @property
    def trust(self) -> list[Any] | None:
        """The trust in this browser by which the session was let pass: ``[user id, key of the row, name of the trust]``."""
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
