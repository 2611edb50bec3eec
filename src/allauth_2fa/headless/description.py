"""Has allauth's headless API tell of the second factor: by what the user can answer, and that a passkey signs in alone.

allauth's own description knows the authenticators of ``allauth.mfa`` alone. It imports their models, which fails if that is not
installed. There is no hook, so two methods are replaced when the site starts. If a release renames one of them, the site does
not start.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from allauth.headless.base.response import BaseAuthenticationResponse
from allauth.headless.constants import Flow

from allauth_2fa import compat
from allauth_2fa.devices import passkeys
from allauth_2fa.factors import lookup
from allauth_2fa.state.pending import PendingLogin, ProvedBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

Described = dict[str, Any]
"""A flow of allauth's contract: its ``id``, and more."""


def join() -> None:
    """Put our methods in front of allauth's."""
    BaseAuthenticationResponse._enrich_mfa_flow = _describing_challenge(BaseAuthenticationResponse._enrich_mfa_flow)  # noqa: SLF001 - see above
    BaseAuthenticationResponse._get_flows = _listing_passkeys(BaseAuthenticationResponse._get_flows)  # noqa: SLF001 - see above


def _describing_challenge(theirs: Callable[..., None]) -> Callable[..., None]:
    @wraps(theirs)
    def enrich(response: object, stage: compat.LoginStage, flow: Described) -> None:
        if compat.mfa_installed() and PendingLogin(stage.state).proved_by is ProvedBy.MFA:
            theirs(response, stage, flow)
        else:
            user = stage.login.user
            flow.update(lookup.described(lookup.held(user) if user else ()))

    return enrich


def _listing_passkeys(theirs: Callable[..., list[Described]]) -> Callable[..., list[Described]]:
    @wraps(theirs)
    def flows(response: object, request: HttpRequest, user: Any) -> list[Described]:
        found = theirs(response, request, user)
        ours = {"id": Flow.MFA_LOGIN_WEBAUTHN}
        is_visitor = not (user and user.is_authenticated)
        return [*found, ours] if is_visitor and passkeys.may_log_in() and ours not in found else found

    return flows
