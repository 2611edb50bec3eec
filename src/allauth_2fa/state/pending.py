"""What a login remembers while it waits at a stage of ours, and how a session is marked as one in which a login waits."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from allauth_2fa import compat

from .request import request_state
from .store import ChallengeStore, moment

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

ENROLLMENT_KEY = "two_factor_enrollment"
"""The id of our other stage, at which a login waits for a device that the site requires."""

OUR_STAGES = (compat.STAGE_KEY, ENROLLMENT_KEY)

PENDING_SESSION_KEY = "allauth_2fa_user_id"
"""The key by which 0.x said that a second factor is pending. It is written for the project's own code and never decides anything."""


def mark_pending(request: HttpRequest, user: AbstractBaseUser, *, by_client: bool) -> None:
    """Mark the session as one in which this user's login waits.

    Args:
        request: whose session it is.
        user: whose login waits.
        by_client: whether a client of allauth's headless API finishes the login. The browser is not marked then: a page that is
            loaded meanwhile may be the client's own, and does not cancel the login.
    """
    request.session[PENDING_SESSION_KEY] = str(user.pk)
    request_state(request).marked = not by_client


def is_marked_pending(session: MutableMapping[str, Any]) -> bool:
    """Return whether the session is marked as one in which a login waits."""
    return PENDING_SESSION_KEY in session


def clear_pending(request: HttpRequest) -> None:
    """Remove the mark that a login waits in the session."""
    request.session.pop(PENDING_SESSION_KEY, None)
    request_state(request).marked = False


class ProvedBy(StrEnum):
    """What has authenticated a login, beyond the first factor."""

    NOTHING_YET = "nothing yet"
    """It needs a second factor, and has not got one."""
    DEVICE = "device"
    """A device has accepted an answer."""
    PASSKEY = "passkey"
    """It began by a passkey, which is both factors in one."""
    MFA = "mfa"
    """``allauth.mfa`` judges it, at our stage."""
    TRUST = "trust"
    """It needs none in a trusted browser."""
    NOT_ASKED = "not asked"
    """Nothing is asked of its user."""


_DETAILS: dict[ProvedBy, list[type]] = {ProvedBy.DEVICE: [str], ProvedBy.PASSKEY: [str, int], ProvedBy.TRUST: [list]}
"""What is kept beside each of them: the device's django-otp id; that, and when the passkey was used; the mark of the trust."""


class PendingLogin(ChallengeStore):
    """What a stage of ours knows of a login: a typed view of the stage's state, which allauth keeps as JSON with the login.

    What cannot be read counts as a login that needs a second factor and has none.
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
        """What has authenticated the login, beyond the first factor."""
        return self._proof()[0]

    @property
    def needs_device(self) -> bool:
        """Whether the login needs a device that has answered, or has just been added."""
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
        """The mark of the trust because of which the login needs no second factor, None if there is none."""
        by, details = self._proof()
        return details[0] if by is ProvedBy.TRUST else None

    def wait(self, user: AbstractBaseUser) -> None:
        """Require a second factor of the login, and bind the login to the password that its user has now."""
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
        """Store the trust because of which the login needs no second factor."""
        self._prove(ProvedBy.TRUST, mark)

    def ask_nothing(self) -> None:
        """Let the login continue without a second factor."""
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
        return moment(self._kept.get("sessions_ended"))

    @sessions_ended.setter
    def sessions_ended(self, before: datetime) -> None:
        self._put(sessions_ended=before.timestamp())
