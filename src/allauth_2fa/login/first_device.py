"""A login that waits for its user's first device, or for the first of a kind that the site requires.

Nobody is logged in meanwhile. Only the password was entered, so such a login can add one device and nothing else: it removes
none, and adds none if the user has a factor by then that the login has not answered for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth_2fa import app_settings, compat
from allauth_2fa.budget import charging
from allauth_2fa.devices import enrollment, manage
from allauth_2fa.exceptions import LoginEnded
from allauth_2fa.factors import lookup
from allauth_2fa.requirement import policy
from allauth_2fa.sessions import ending
from allauth_2fa.state.pending import ENROLLMENT_KEY, PendingLogin, ProvedBy, clear_pending
from allauth_2fa.state.request import CHALLENGE_PAGE, ENROLLMENT_PAGE, request_state
from allauth_2fa.state.session import SessionState

from . import challenge, pending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse

    from allauth_2fa.devices.enrollment import Enrolled
    from allauth_2fa.factors.base import Factor

PAGES = {
    compat.STAGE_KEY: (CHALLENGE_PAGE, compat.MFA_PAGE),
    ENROLLMENT_KEY: (ENROLLMENT_PAGE, "two-factor-setup", "two-factor-add"),
}
"""The prefix of the names of the pages on which a pending login continues, by the stage at which it waits."""

OPEN_PAGES = frozenset(
    {
        *("account_logout", "account_reauthenticate", "account_change_password", "account_set_password"),
        *("account_reset_password", "account_reset_password_done", "account_confirm_password_reset_code"),
        *("account_reset_password_from_key", "account_reset_password_from_key_done"),
        *("account_complete_password_reset", "account_password_reset_completed"),
        *("logout", "password_change", "password_change_done"),
        *("admin:logout", "admin:password_change", "admin:password_change_done"),
    }
)
"""Names of other pages that stay open to a user who is logged in and lacks what the site requires."""


OUR_PAGES = frozenset(
    {
        *("two-factor-authenticate", "two-factor-reauthenticate", "two-factor-overview", "two-factor-events", "two-factor-browsers"),
        *("two-factor-setup", "two-factor-enroll", "two-factor-add", "two-factor-add-passkey", "two-factor-passkey-login"),
        *("two-factor-rename", "two-factor-prefer", "two-factor-remove", "two-factor-remove-device", "two-factor-backup-tokens"),
        *("mfa_index", compat.REAUTHENTICATION_PAGE),
    }
)
"""Names of the pages of this package, which stay open too. A page of the project's own does not become one by its name."""


CLOSED_TO_OTHERS = OUR_PAGES - {"two-factor-authenticate", "two-factor-enroll", "two-factor-passkey-login"}
"""Names of the pages that show or change what protects an account. Only its owner may see them."""

FOR_OWNERS = "_for_owners"
"""The attribute of the classes of these pages: a project may serve one of them under another name."""


def is_for_owners(request: HttpRequest) -> bool:
    """Return whether the request is for one of these pages, or for a page of the project's own that derives from one of them."""
    match = request.resolver_match
    if match is None:
        return False
    return match.view_name in CLOSED_TO_OTHERS or getattr(getattr(match.func, "view_class", None), FOR_OWNERS, False)


def is_own_page(request: HttpRequest) -> bool:
    """Return whether the request is for a page on which the session's pending login continues: it is not cancelled there."""
    match = request.resolver_match
    # What a session holds may be anything, a list too.
    waits_at = ENROLLMENT_KEY if compat.pending_stage_key(request) == ENROLLMENT_KEY else compat.STAGE_KEY
    return match is not None and (match.url_name or "").startswith(PAGES[waits_at])


def is_wanted(stage: compat.LoginStage, user: AbstractBaseUser) -> bool:
    """Return whether the login must wait at the stage for a device that satisfies the site.

    Users who cannot add one here are logged in, and the guard opens nothing but the overview to them: users who must remove a
    device first, because they have as many as they may, and users who have a device that the login did not ask for.
    """
    proving = challenge.proving_device(stage.request, _challenged(stage), user)
    if proving is not None:
        user.otp_device = proving  # type: ignore[attr-defined]
    requirement = policy.requirement_of(user)
    request_state(stage.request).requirement = requirement
    return requirement.is_due and lookup.count_primary(user.pk) < (app_settings.MAX_DEVICES if has_proved(stage) else 1)


def choices(requirement: policy.Requirement, user: AbstractBaseUser | None = None) -> Sequence[Factor]:
    """Return the factors that satisfy the site and that users, or this user, can add themselves."""
    return [factor for factor in manage.addable(user) if factor in requirement.factors]


def ensure_open(stage: compat.LoginStage) -> AbstractBaseUser:
    """Return the user whose login waits at the stage for a device.

    Raises:
        LoginEnded: the user was deleted or deactivated, the password has changed, the device that this login has answered by
            is gone, or the user has a factor by now that this login has not proved.
    """
    user = pending.ensure_sound(stage)
    if not _still_proves(stage, user):
        raise LoginEnded
    request_state(stage.request).has_proved = has_proved(stage)
    if not has_proved(stage) and (lookup.has_primary(user) or compat.mfa_enabled_for(user)):
        raise LoginEnded
    return user


def has_proved(stage: compat.LoginStage) -> bool:
    """Return whether the login has answered for a factor of the user's on its way to the stage."""
    challenged = _challenged(stage)
    return challenged.device_id is not None or challenged.proved_by is ProvedBy.MFA


def _still_proves(stage: compat.LoginStage, user: AbstractBaseUser) -> bool:
    """Return whether the user still has the device that answered. Whoever loses a device removes it, and its finder may wait here."""
    challenged = _challenged(stage)
    if challenged.device_id is not None:
        return challenge.proving_device(stage.request, challenged, user) is not None
    return challenged.proved_by is not ProvedBy.MFA or compat.mfa_enabled_for(user)


def _challenged(stage: compat.LoginStage) -> PendingLogin:
    """Return what the stage that asks for the second factor knows of the login."""
    return PendingLogin(stage.login.state["stages"].get(compat.STAGE_KEY, {}).get("data"))


def resume(stage: compat.LoginStage, user: AbstractBaseUser, enrolled: Enrolled, leads_to: str) -> HttpResponse:
    """Let the login continue after the device that has just been confirmed, and return what it leads to.

    Args:
        stage: the stage at which the login waited.
        user: whose login it is.
        enrolled: the new device; the session will be bound to it.
        leads_to: where the login leads after the user's first device, whose recovery codes have to be shown.
    """
    enrollment.forget_shown(stage.request, user)
    if enrolled.sessions_ended is not None:
        # In the login's own state: the session may be another user's before this login is finished.
        PendingLogin(stage.state).sessions_ended = enrolled.sessions_ended
        stage.login.redirect_url = leads_to
    return challenge.resume(stage, user, enrolled.device)


def skip(stage: compat.LoginStage) -> HttpResponse:
    """Continue a login that need not wait any longer, and return the response."""
    PendingLogin(stage.state).ask_nothing()
    clear_pending(stage.request)
    return stage.exit()


def finish(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Finish a login that has added a device. After a first factor, recovery codes are made and other sessions end."""
    state = challenge.passed_state(request, user, ENROLLMENT_KEY)
    if state is None:
        return
    device = getattr(user, "otp_device", None)
    if state.needs_device and device is not None:
        charging.note_verified(request, user, device)
    if (before := state.sessions_ended) is not None:
        SessionState(request.session, user).codes_pending = True
        ending.end_others(request, user, "enrollment", before=before)
