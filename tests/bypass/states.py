"""What a user has and needs, who comes in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.models import Browser
from allauth_2fa.models.exemptions import Exemption
from tests.browsers.cast import trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from django.test import Client

REQUIRED = {"ALLAUTH_2FA_REQUIRED": "everyone"}
TRUSTING = {"ALLAUTH_2FA_TRUST_DAYS": 30, "ALLAUTH_2FA_TRUST_STAFF": True}


@dataclass(frozen=True)
class State:
    """How a user stands: what is done to bring it about, and what an oracle has to know of it."""

    name: str
    says: str
    """A sentence for the documentation."""
    bring_about: Callable[[Client, User], Any] = lambda _client, _user: None
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings of the site."""
    has_factor: bool = False
    is_missing: bool = False
    """The site requires a factor, now, that the user has not got."""
    is_trusted: bool = False
    """The user has a factor, and this browser is trusted."""
    is_locked: bool = False
    is_exempted_by_hook: bool = False
    answers: bool = False
    """The user gives the right code after the entrance."""
    later: int = 0
    """Seconds between the answer and what comes next."""
    is_for_anybody_new: bool = False
    """Somebody who has just signed up can be in it."""

    def __str__(self) -> str:
        return self.name


def unconfirmed(client: Client, user: User) -> None:
    """Let the user have begun to set up an app."""
    TOTPDevice.objects.create(user=user, confirmed=False)


def codes(client: Client, user: User) -> None:
    """Let the user have recovery codes, and nothing that they stand in for."""
    registry.recovery.renew(user, 3)


def begun(client: Client, user: User) -> None:
    """Let the user have all that is no factor yet."""
    unconfirmed(client, user)
    codes(client, user)


def confirmed(client: Client, user: User) -> None:
    """Let the user have an app."""
    TOTPDevice.objects.create(user=user)


def locked(client: Client, user: User) -> None:
    """Let somebody have used up what may be guessed in browsers that are not known."""
    confirmed(client, user)
    now = timezone.now()
    old = " ".join(str(int((now - timedelta(days=days)).timestamp() * 1000)) for days in range(40, 7, -1))
    Browser.all_rows.create(user=user, digest=Browser.OTHERS, failures=old)


def exempt(client: Client, user: User) -> None:
    """Grant the user an exemption."""
    Exemption.objects.create(user=user, reason="in hospital", expires_at=timezone.now() + timedelta(days=1))


def spared(client: Client, user: User) -> None:
    """Grant an exemption to a user who has a factor."""
    exempt(client, user)
    confirmed(client, user)


def trusted(client: Client, user: User) -> None:
    """Let the user have answered in this browser, and had it trusted. A session that it has goes on."""
    session = client.cookies.pop("sessionid", None)
    trust(client, user, TOTPDevice.objects.create(user=user))
    client.cookies.pop("sessionid")
    if session is not None:
        client.cookies["sessionid"] = session.value


def trusted_elsewhere(client: Client, user: User) -> None:
    """Let the user have another browser trusted."""
    trust(type(client)(), user, TOTPDevice.objects.create(user=user))


def trust_runs_out(client: Client, user: User) -> None:
    """Let the trust in this browser be over."""
    trusted(client, user)
    Browser.objects.filter(user=user).update(trusted_until=timezone.now() - timedelta(seconds=1))


STATES = [
    State("none", "The user has no second factor, and the site requires none.", is_for_anybody_new=True),
    State("unconfirmed", "The user has begun to set up an app, and has not entered its first code.", unconfirmed),
    State("recovery codes only", "The user has recovery codes, and no other factor.", codes),
    State("confirmed", "The user has an app.", confirmed, has_factor=True),
    State("locked", "The user has an app, and the failure budget of this browser is used up.", locked, has_factor=True, is_locked=True),
    State(
        "required, but missing",
        "The site requires a factor of this user, who has none.",
        changes=REQUIRED,
        is_missing=True,
        is_for_anybody_new=True,
    ),
    State(
        "required, and setup begun",
        "The same, and the user has begun to set up an app, and has recovery codes.",
        begun,
        REQUIRED,
        is_missing=True,
    ),
    State(
        "in grace",
        "The site requires a factor of this user, who has none and still has some days to add one.",
        changes={**REQUIRED, "ALLAUTH_2FA_GRACE_PERIOD": 14},
        is_for_anybody_new=True,
    ),
    State("exempt", "The site requires a factor and exempts this user, who has none.", exempt, REQUIRED),
    State("exempt, with a factor", "The site exempts this user, who has an app nevertheless.", spared, REQUIRED, has_factor=True),
    State(
        "exempt by the adapter",
        "The user has an app, and the adapter exempts the session, as for impersonation.",
        confirmed,
        {"ACCOUNT_ADAPTER": "tests.attacks.adapters.ExemptAdapter"},
        has_factor=True,
        is_exempted_by_hook=True,
    ),
    State("trusted", "The user has an app, and this browser is trusted.", trusted, TRUSTING, has_factor=True, is_trusted=True),
    State("trusted elsewhere", "The user has an app, and another browser is trusted.", trusted_elsewhere, TRUSTING, has_factor=True),
    State("trust ended", "The user has an app, and the trust in this browser has ended.", trust_runs_out, TRUSTING, has_factor=True),
    State("answered", "The user has an app, and has entered its code after the login.", confirmed, has_factor=True, answers=True),
    State("answered an hour ago", "The same, an hour later.", confirmed, has_factor=True, answers=True, later=3600),
]
