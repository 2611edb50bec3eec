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


class Standing(Enum):
    """What has become of the session in this request, as far as anybody has asked for its user."""

    SHOWN = "It shows its user, or nobody has asked."
    OPEN = "Its user lacks what the site requires, and was shown because the page seemed to be one that stays open."
    KEPT_OUT = "Its user lacks what the site requires, and was not shown to the view."
    STOPPED = "It was turned into a pending login when somebody asked for its user."
    STOPPED_AT_LOGIN = "It was turned into a pending login at Django's signal, in the view that logged it in."


@dataclass(slots=True, eq=False, repr=False)
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
    trusted_by: list[Any] | None = None
    """The mark of the trust in this browser, if that login needs no second factor because of it."""
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
