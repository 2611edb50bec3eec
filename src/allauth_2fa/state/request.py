"""What a request has learnt about its login."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

    from allauth_2fa import compat
    from allauth_2fa.budget.budget import Budget
    from allauth_2fa.models import Browser
    from allauth_2fa.requirement.policy import Requirement

CHALLENGE_PAGE = "two-factor-authenticate"
"""The name of the page that asks for the second factor."""

ENROLLMENT_PAGE = "two-factor-enroll"
"""The name of the page that leads a login on to the user's first device."""


class SessionOutcome(Enum):
    """What the guard has decided about the session in this request. It decides when the user is first asked for."""

    SHOWN = "It shows its user, or nobody has asked."
    OPEN = "Its user lacks what the site requires, and was shown because the page seemed to be one that stays open."
    RESTRICTED = "Its user lacks what the site requires, and was not shown to the view."
    STOPPED = "It was turned into a pending login when somebody asked for its user."
    STOPPED_AT_LOGIN = "It was turned into a pending login at Django's signal, in the view that logged it in."


@dataclass(slots=True, eq=False, repr=False)
class RequestState:
    """What this request has learnt about its login, from the stages to the adapter and the middleware."""

    login: compat.Login | None = None
    """The login that is running through the stages."""
    asked: bool = False
    """Whether our stage has decided in this request if that login needs a second factor."""
    has_passed: bool = False
    """Whether that login has passed all stages, so that the guard need not judge it. It is read once."""
    outcome: SessionOutcome = SessionOutcome.SHOWN
    """What the guard has decided about the session."""
    shown: AbstractBaseUser | None = None
    """The user whom the request has shown so far."""
    ended: Any = None
    """The session that had ended and was emptied. allauth's headless API may put another one in the request."""
    page: str = CHALLENGE_PAGE
    """The name of the page on which that login continues."""
    has_proved: bool = False
    """Whether that login waits for a new device, and has answered for one that its user has."""
    requirement: Requirement | None = None
    """What the site asks of that login's user, or of the one whose session may not be shown on this page."""
    look_again: Callable[[], None] = lambda: None
    """Makes the guard decide again when the user is next asked for."""
    device: Device | None = None
    """The device that has just accepted the answer."""
    marked: bool | None = None
    """Whether the marker cookie has to be set (True) or taken away (False) with the response."""
    budget: Budget | None = None
    """The failure budget of this browser, as it was before the answer was charged to it."""
    trusted_by: list[Any] | None = None
    """The mark of the trust in this browser, if that login needs no second factor because of it."""
    browser: Browser | None = None
    """The row of this browser, if its user has verified in this request and the row was read."""
    known_as: tuple[Any, str] | None = None
    """The user who has verified in this browser in this request, and the digest by which the browser is known from now on."""
    browser_cookie: str | None = None
    """The new value of this browser's cookie, None if it stays."""

    @property
    def is_stopped(self) -> bool:
        """Whether the session was turned into a pending login in this request."""
        return self.outcome in {SessionOutcome.STOPPED, SessionOutcome.STOPPED_AT_LOGIN}

    @property
    def is_restricted(self) -> bool:
        """Whether the session's user lacks what the site requires, and was not shown to the view."""
        return self.outcome is SessionOutcome.RESTRICTED


def request_state(request: HttpRequest) -> RequestState:
    """Return the state of this request. The first call makes it."""
    found = getattr(request, "_allauth_2fa", None)
    if found is None:
        found = request._allauth_2fa = RequestState()  # type: ignore[attr-defined]  # noqa: SLF001 - our own attribute
    return found


def take_passed(request: HttpRequest) -> bool:
    """Return whether the login that is announced now has passed all stages.

    Only the first call returns True: a view may log somebody else in during the same request.
    """
    has_passed, request_state(request).has_passed = request_state(request).has_passed, False
    return has_passed
