"""The only module that uses allauth's internals: login stages, stashed logins, authentication records.

allauth renames these in minor releases (65.10, 65.20, 65.21). All other modules go through this one, or through
``headless.compat`` for those of the headless API, and
``tests/contracts/test_allauth.py`` lists each internal name that is used.
"""

from __future__ import annotations

import logging
from functools import partial
from inspect import unwrap
from itertools import takewhile
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

# allauth.account.stages cannot be the first import of an interpreter (it imports itself in a circle);
# the login flow can, and brings the stages with it.
from allauth.account.internal.flows import login as _login_flow  # isort: skip
from allauth import app_settings as allauth_settings
from allauth.account import app_settings as account_settings
from allauth.account.internal import stagekit
from allauth.account.internal.decorators import login_stage_required
from allauth.account.internal.flows import reauthentication
from allauth.account.internal.templatekit import get_entrance_context_data
from allauth.account.internal.userkit import user_display
from allauth.account.models import Login
from allauth.account.stages import EmailVerificationStage, LoginByCodeStage, LoginStage, LoginStageController, PhoneVerificationStage
from allauth.account.views import BaseReauthenticateView
from allauth.core import context
from allauth.core.internal import ratelimit, sessionkit
from allauth.core.internal.httpkit import headed_redirect_response, is_headless_request
from django.apps import apps
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.sessions.backends.base import SessionBase
    from django.http import HttpResponse

__all__ = [
    "ACCOUNT_STAGES",
    "BY_PASSWORD",
    "MFA_PAGE",
    "MFA_STAGES",
    "REAUTHENTICATION_PAGE",
    "RECORD_KEYS",
    "STAGE_KEY",
    "SUSPENDED_KEY",
    "TRUST_KEY",
    "BaseReauthenticateView",
    "Login",
    "LoginStage",
    "LoginStageController",
    "asks_for_our_proof",
    "clear_login",
    "end_listed_sessions",
    "enter_again",
    "entrance_context",
    "guard_session_readers",
    "guards_session_readers",
    "headed_redirect_response",
    "headless_installed",
    "headless_only",
    "is_headless_request",
    "is_headless_url",
    "join_reauthentication",
    "login_stage_required",
    "login_timeout",
    "may_send_again",
    "mfa_enabled_for",
    "mfa_installed",
    "mfa_stage",
    "pending_login",
    "pending_stage_key",
    "reauthentication_timeout",
    "record",
    "records",
    "resume",
    "stash",
    "stateless_token_seconds",
    "user_display",
]

logger = logging.getLogger(__name__)

STAGE_KEY = "mfa_authenticate"
"""The key of our login stage: the one that allauth's headless clients expect for a second factor."""

TRUST_KEY = "mfa_trust"
"""The key of the stage that offers to trust the browser, and the URL name of ``allauth.mfa``'s page for it."""

MFA_STAGES = ("allauth.mfa.stages.AuthenticateStage", "allauth.mfa.stages.TrustStage")
"""The stages of ``allauth.mfa`` that ours replace. Ours hand over to them."""

MFA_PAGE = "mfa_authenticate"
"""The URL name of the page on which ``allauth.mfa`` asks for its authenticators."""

REAUTHENTICATION_PAGE = "mfa_reauthenticate"
"""The URL name of the page, and the id of the flow, for reauthentication with a second factor in allauth."""

BY_PASSWORD = "reauthenticate"  # noqa: S105 - an id, not a password
"""The id of the method, and of the flow, for reauthentication with the password in allauth."""

ACCOUNT_STAGES = tuple(
    f"{stage.__module__}.{stage.__qualname__}" for stage in (LoginByCodeStage, PhoneVerificationStage, EmailVerificationStage)
)
"""The stages of allauth's own verification. Ours comes after the last of them."""


RECORD_KEYS = (
    _login_flow.AUTHENTICATION_METHODS_SESSION_KEY,
    _login_flow._AUTHENTICATION_METHODS_USER_SESSION_KEY,  # noqa: SLF001 - it belongs to the other one
)
"""Session keys of the authentication records."""

SUSPENDED_KEY = reauthentication.STATE_SESSION_KEY
"""Session key of what resumes after a reauthentication: a POST, or a social account that is being connected."""

SEND_RATES = {"allauth_2fa_send": "1/30s/key", "allauth_2fa_add": "1/30s/key,20/d/key"}
"""Our rate limits in allauth's format: by device, and by user for adding devices. The limit by day stops a user from having
messages sent to expensive numbers. Twenty is twice the number of devices that a user may have."""


def is_headless_url(request: HttpRequest) -> bool:
    """Return whether the path belongs to allauth's headless API, which marks its requests only inside the view."""
    match = request.resolver_match
    return match is not None and "headless" in match.app_names


def may_send_again(key: str, action: str = "allauth_2fa_send") -> bool | None:
    """Count one more sent code, and return whether it is within the limit of that name in ``ACCOUNT_RATE_LIMITS``.

    Our own limit applies if that setting does not contain one, or is False. Return None if the cache that counts is down.
    """
    config = SEND_RATES | account_settings.RATE_LIMITS
    limited: Any = context.request
    try:
        return ratelimit.consume(limited, app="allauth_2fa", action=action, config=config, key=key, limit_get=True) is not None
    except Exception as error:  # noqa: BLE001 - a cache that is down may raise any exception
        logger.error("Codes that are sent cannot be counted, so that none is: %s", type(error).__name__)
        return None


def headless_installed() -> bool:
    """Return whether allauth's headless API is installed."""
    return allauth_settings.HEADLESS_ENABLED


def headless_only() -> bool:
    """Return whether the site has none of allauth's pages, and serves the headless API alone (``HEADLESS_ONLY``)."""
    return allauth_settings.HEADLESS_ONLY


def mfa_installed() -> bool:
    """Return whether ``allauth.mfa`` is installed."""
    return allauth_settings.MFA_ENABLED


def mfa_enabled_for(user: AbstractBaseUser) -> bool:
    """Return whether the user has an ``allauth.mfa`` authenticator that its login asks for (one query)."""
    return mfa_installed() and mfa_authenticators().filter(user_id=user.pk).exists()


def mfa_authenticators() -> Any:
    """Return the ``allauth.mfa`` authenticators that its login asks for."""
    model: Any = apps.get_app_config("mfa").get_model("Authenticator")
    return model.objects.filter(type__in=[model.Type.TOTP, model.Type.WEBAUTHN])


def mfa_stage(stage: LoginStage) -> LoginStage:
    """Return ``allauth.mfa``'s own stage of the same key, for the same login and state as ours."""
    from allauth.mfa.stages import AuthenticateStage, TrustStage  # noqa: PLC0415 - importing it demands that allauth.mfa is installed

    of_mfa = TrustStage if stage.key == TRUST_KEY else AuthenticateStage
    return cast("LoginStage", of_mfa(stage.controller, stage.request, stage.login))


def login_timeout() -> int:
    """Return the lifetime of a pending login in seconds (``ACCOUNT_LOGIN_TIMEOUT``)."""
    return account_settings.LOGIN_TIMEOUT


def pending_stage_key(request: HttpRequest) -> str | None:
    """Return the key of the current stage of the session's pending login, without loading its user; None if there is none."""
    data: Any = request.session.get(stagekit.LOGIN_SESSION_KEY)
    try:
        return data["state"]["stages"]["current"]
    except (TypeError, KeyError):
        return None


def pending_login(request: HttpRequest) -> Login | None:
    """Return the session's pending login, None if there is none, or if it is malformed or has timed out."""
    return stagekit.unstash_login(request, peek=True)


def defer_earlier_stages(request: HttpRequest, login: Login) -> None:
    """Mark the stages before ours as handled, so that allauth finds ours as the pending one. They run after the answer.

    Nothing is deferred at a stage that does not resume them (``resumes_stages``): a user who sets up a first device needs no code.
    """
    controller = LoginStageController(request, login)
    stages, current = controller.get_stages(), login.state["stages"]["current"]
    if not any(stage.key == current and getattr(stage, "resumes_stages", False) for stage in stages):
        return
    earlier = [stage.key for stage in takewhile(lambda stage: stage.key != current, stages)]
    for key in earlier:
        controller.set_handled(key)
    login.state["stages"][current]["data"]["deferred"] = [key for key in earlier if key != STAGE_KEY]


def resume_stages(login: Login) -> None:
    """Mark the deferred stages as not handled, so that the login goes through them."""
    stages = login.state["stages"]
    states = [stage.get("data", {}) for stage in stages.values() if isinstance(stage, dict)]
    for key in [key for state in states for key in state.pop("deferred", [])]:
        stages[key]["handled"] = False


def enter_again(request: HttpRequest, login: Any) -> HttpResponse | None:
    """Run a login that has passed the last stage through our stage again; return its response, None to continue."""
    login.state["stages"][STAGE_KEY]["handled"] = False
    return cast("HttpResponse | None", LoginStageController(request, login).handle())


def clear_login(request: HttpRequest) -> None:
    """Delete the pending login and its authentication records from the session."""
    stagekit.clear_login(request)


def stash(request: HttpRequest, login: Login) -> None:
    """Store the pending login in the session."""
    stagekit.stash_login(request, login)


def resume(request: HttpRequest, login: Login, *, from_start: bool = False) -> HttpResponse:
    """Run the login through its remaining stages, and finish it after the last one.

    allauth reads the request from a context variable that its middleware sets. Our middleware may run outside of that one.

    Args:
        request: the request.
        login: the pending login.
        from_start: whether to begin with the adapter's ``pre_login()`` hook.
    """
    with context.request_context(request):
        return (_login_flow.perform_login if from_start else _login_flow.resume_login)(request, login)


def record(request: HttpRequest, user: AbstractBaseUser, method: str, **facts: Any) -> None:
    """Add a record to allauth's authentication records of this session."""
    _login_flow.record_authentication(request, user, method=method, **facts)


def records(request: HttpRequest, user: AbstractBaseUser) -> list[dict[str, Any]]:
    """Return the user's authentication records in this session, oldest first (``method``, and ``at`` in Unix seconds)."""
    return _login_flow.get_authentication_records(request, user)


def entrance_context(request: HttpRequest) -> dict[str, Any]:
    """Return the context that allauth's entrance pages expect."""
    return get_entrance_context_data(request)


def suspend(request: HttpRequest, redirect_to: str) -> HttpResponse:
    """Store a POST, to resume it after the reauthentication, and return a redirect to the page that asks for it."""
    response = reauthentication.suspend_request(request, redirect_to)
    if request.method == "POST" and request.GET:
        # allauth finds the stored POST by its path only; the query is stored with it.
        return HttpResponseRedirect(f"{redirect_to}?{urlencode({REDIRECT_FIELD_NAME: request.path})}")
    return response


def password_reauthentication_url() -> str | None:
    """Return the URL of the page that asks for the password again, None if the project has no such page."""
    try:
        return reverse("account_reauthenticate")
    except NoReverseMatch:
        return None


def reauthentication_timeout() -> int:
    """Return for how many seconds allauth treats a reauthentication as recent (``ACCOUNT_REAUTHENTICATION_TIMEOUT``)."""
    return account_settings.REAUTHENTICATION_TIMEOUT


def join_reauthentication(
    is_recent: Callable[..., bool],
    flows_of: Callable[..., list[dict[str, Any]]],
    keep: Callable[..., HttpResponse],
    resume: Callable[..., HttpResponse | None],
) -> None:
    """Make allauth's reauthentication call these functions, with allauth's own function as first argument. Works once.

    allauth accepts every user for whom it knows no way to reauthenticate, resumes a stored request of another user, and has no
    hook. If a release renames one of the functions, the site does not start.

    Args:
        is_recent: returns whether the user of a request has reauthenticated recently.
        flows_of: returns the flows with which a user can reauthenticate.
        keep: stores a request until the user has reauthenticated.
        resume: resumes the stored request.
    """
    if isinstance(reauthentication.did_recently_reauthenticate, partial):
        return
    reauthentication.did_recently_reauthenticate = partial(is_recent, reauthentication.did_recently_reauthenticate)
    reauthentication.get_reauthentication_flows = partial(flows_of, reauthentication.get_reauthentication_flows)
    reauthentication.suspend_request = partial(keep, reauthentication.suspend_request)
    reauthentication.stash_and_reauthenticate = partial(keep, reauthentication.stash_and_reauthenticate)
    reauthentication.resume_request = partial(resume, reauthentication.resume_request)


def asks_for_our_proof() -> bool:
    """Return whether allauth's views and decorators still call the functions that :func:`join_reauthentication` replaced."""
    required = unwrap(reauthentication.is_reauthentication_required)
    return "did_recently_reauthenticate" in required.__code__.co_names


def on_mfa_authenticator_added(receiver: Callable[..., None]) -> None:
    """Connect a receiver that is called when a user adds an authenticator of ``allauth.mfa``, if that is installed."""
    if mfa_installed():
        from allauth.mfa.signals import authenticator_added  # noqa: PLC0415 - importing it demands that allauth.mfa is installed

        authenticator_added.connect(receiver, weak=False, dispatch_uid="allauth_2fa.mfa_added")


def guard_session_readers(may_show: Callable[[SessionBase, AbstractBaseUser], bool]) -> None:
    """Make allauth return the user of a session only if ``may_show`` allows it. A second call does nothing.

    allauth's tokens name a session, and allauth reads its user without running any middleware. There is no hook, but all of this
    goes through one function, which is replaced here. If a release renames it, the site does not start.
    """
    if isinstance(sessionkit.get_user, partial):
        return
    plain = sessionkit.get_user
    sessionkit.get_user = partial(_shown_user, plain, may_show)
    if allauth_settings.HEADLESS_ENABLED:
        from allauth.headless.internal import authkit  # noqa: PLC0415 - it is imported where the headless API is installed

        # The app client's session replaces the request's. authkit reads the user of the original session with this function.
        authkit.get_user = partial(_shown_user, authkit.get_user, may_show)
    if allauth_settings.USERSESSIONS_ENABLED:
        from allauth.usersessions import models  # noqa: PLC0415 - importing it demands that it is installed

        # The list of sessions drops those without a user. Sessions with a pending challenge must stay on it.
        models.get_session_user = partial(_named_user, plain)


def _shown_user(plain: Callable[..., Any], may_show: Callable[..., bool], request: HttpRequest) -> Any:
    user = plain(request)
    return user if user.is_authenticated and may_show(request.session, user) else AnonymousUser()


def _named_user(plain: Callable[..., Any], session: SessionBase) -> Any:
    request = HttpRequest()
    request.session = session
    user = plain(request)
    return user if user.is_authenticated else None


def guards_session_readers() -> bool:
    """Return whether allauth still reads the user of a session with the function that :func:`guard_session_readers` replaced."""
    return "get_user" in sessionkit.get_session_user.__code__.co_names


def stateless_token_seconds() -> int:
    """Return the lifetime in seconds of access tokens that are accepted without a look at their session; 0 if there are none."""
    if not allauth_settings.HEADLESS_ENABLED:
        return 0
    from allauth.headless import app_settings as headless_settings  # noqa: PLC0415 - these are imported where
    from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy  # noqa: PLC0415 - the headless API is installed

    is_stateless = isinstance(headless_settings.TOKEN_STRATEGY, JWTTokenStrategy) and not headless_settings.JWT_STATEFUL_VALIDATION_ENABLED
    return headless_settings.JWT_ACCESS_TOKEN_EXPIRES_IN if is_stateless else 0


def end_listed_sessions(user: AbstractBaseUser, request: HttpRequest | None = None, old_key: str | None = None) -> int | None:
    """End the sessions of the user that ``allauth.usersessions`` lists, and return how many; None if it is not installed.

    Args:
        user: the user.
        request: the request with the session to keep, which is listed again.
        old_key: the key under which that session was listed before. It is not counted.
    """
    if not allauth_settings.USERSESSIONS_ENABLED:
        return None
    from allauth.usersessions.adapter import get_adapter  # noqa: PLC0415 - importing it demands that it is installed

    model: Any = apps.get_app_config("usersessions").get_model("UserSession")
    listed = list(model.objects.filter(user_id=user.pk))
    get_adapter().end_sessions(listed)
    if request is not None:
        model.objects.create_from_request(request)
    return sum(session.session_key != old_key for session in listed)
