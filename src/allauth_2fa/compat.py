"""The only file that touches what allauth does not promise: stages, stashed logins, authentication records.

allauth renames these in minor releases (65.10, 65.20, 65.21). Everything else in this package asks here, and
``tests/contracts/test_allauth.py`` names each thing that is used.
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
from allauth.core.internal.httpkit import is_headless_request
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
    "REAUTHENTICATION_PAGE",
    "RECORD_KEYS",
    "STAGE_KEY",
    "SUSPENDED_KEY",
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
"""The id of our stage: the one that allauth's headless clients know for a second factor."""

MFA_STAGE = "allauth.mfa.stages.AuthenticateStage"

MFA_PAGE = "mfa_authenticate"
"""The name of the page on which ``allauth.mfa`` asks for its authenticators."""

REAUTHENTICATION_PAGE = "mfa_reauthenticate"
"""The name of the page, and the id of the flow, by which allauth reauthenticates with a second factor."""

BY_PASSWORD = "reauthenticate"  # noqa: S105 - an id, and nobody's password
"""The id of allauth's way to reauthenticate by the password, among its methods and its flows."""

ACCOUNT_STAGES = tuple(
    f"{stage.__module__}.{stage.__qualname__}" for stage in (LoginByCodeStage, PhoneVerificationStage, EmailVerificationStage)
)
"""The stages of allauth's own verification; ours comes after the last of them."""


RECORD_KEYS = (
    _login_flow.AUTHENTICATION_METHODS_SESSION_KEY,
    _login_flow._AUTHENTICATION_METHODS_USER_SESSION_KEY,  # noqa: SLF001 - it belongs to the other one
)
"""Where the session holds what the user has proved in it."""

SUSPENDED_KEY = reauthentication.STATE_SESSION_KEY
"""Where the session holds what waits for a reauthentication: a POST, or an account elsewhere that is being connected."""

SEND_RATES = {"allauth_2fa_send": "1/30s/key", "allauth_2fa_add": "1/30s/key,20/d/key"}
"""Our rate limits among allauth's: by device, and by the user who adds one. Without a limit by the day, whoever has an
account could have messages sent to numbers that cost the site money; twenty are twice as many devices as a user may hold."""


def is_headless_url(request: HttpRequest) -> bool:
    """Return whether the path is one of allauth's headless API, which marks its requests only in the view."""
    match = request.resolver_match
    return match is not None and "headless" in match.app_names


def may_send_again(key: str, action: str = "allauth_2fa_send") -> bool | None:
    """Count one more code that is sent, and return whether it is within the limit of that name in ``ACCOUNT_RATE_LIMITS``.

    Where that names none, or is False, the limit is ours. None: the cache in which it is counted is down, and nobody can tell.
    """
    config = SEND_RATES | account_settings.RATE_LIMITS
    limited: Any = context.request
    try:
        return ratelimit.consume(limited, app="allauth_2fa", action=action, config=config, key=key, limit_get=True) is not None
    except Exception as error:  # noqa: BLE001 - a cache that is down raises whatever its client does
        logger.error("Codes that are sent cannot be counted, so that none is: %s", type(error).__name__)  # noqa: TRY400
        return None


def mfa_installed() -> bool:
    """Return whether ``allauth.mfa`` is installed beside us."""
    return allauth_settings.MFA_ENABLED


def mfa_enabled_for(user: AbstractBaseUser) -> bool:
    """Return whether the user holds an ``allauth.mfa`` authenticator that its login asks for (one query)."""
    return mfa_installed() and mfa_authenticators().filter(user_id=user.pk).exists()


def mfa_authenticators() -> Any:
    """Return the ``allauth.mfa`` authenticators that its login asks for."""
    model: Any = apps.get_app_config("mfa").get_model("Authenticator")
    return model.objects.filter(type__in=[model.Type.TOTP, model.Type.WEBAUTHN])


def mfa_stage(stage: LoginStage) -> LoginStage:
    """Return ``allauth.mfa``'s own stage over the same login and state as ours."""
    from allauth.mfa.stages import AuthenticateStage  # noqa: PLC0415 - importing it demands that allauth.mfa is installed

    return cast("LoginStage", AuthenticateStage(stage.controller, stage.request, stage.login))


def login_timeout() -> int:
    """Return for how many seconds a pending login lives (``ACCOUNT_LOGIN_TIMEOUT``)."""
    return account_settings.LOGIN_TIMEOUT


def pending_stage_key(request: HttpRequest) -> str | None:
    """Return the key of the stage at which the session's pending login waits, without loading its user."""
    data: Any = request.session.get(stagekit.LOGIN_SESSION_KEY)
    try:
        return data["state"]["stages"]["current"]
    except (TypeError, KeyError):
        return None


def pending_login(request: HttpRequest) -> Login | None:
    """Return the session's pending login, None when there is none, it is malformed, or it has timed out."""
    return stagekit.unstash_login(request, peek=True)


def put_off_earlier_stages(request: HttpRequest, login: Login) -> None:
    """Let allauth find our stage when it looks for the pending one; those before it have their turn behind the answer.

    Without our stage, which takes them up again, nothing is put off. Whoever is asked for a first device owes no code.
    """
    controller = LoginStageController(request, login)
    stages, current = controller.get_stages(), login.state["stages"]["current"]
    if not any(stage.key == current and getattr(stage, "takes_up_stages", False) for stage in stages):
        return
    earlier = [stage.key for stage in takewhile(lambda stage: stage.key != current, stages)]
    for key in earlier:
        controller.set_handled(key)
    login.state["stages"][current]["data"]["put_off"] = [key for key in earlier if key != STAGE_KEY]


def take_up_stages(login: Login) -> None:
    """Let the login go through the stages that were put off."""
    stages = login.state["stages"]
    states = [stage.get("data", {}) for stage in stages.values() if isinstance(stage, dict)]
    for key in [key for state in states for key in state.pop("put_off", [])]:
        stages[key]["handled"] = False


def enter_again(request: HttpRequest, login: Any) -> HttpResponse | None:
    """Run a login that is past the last stage through our stage once more, and return what it leads to, None to go on."""
    login.state["stages"][STAGE_KEY]["handled"] = False
    return cast("HttpResponse | None", LoginStageController(request, login).handle())


def clear_login(request: HttpRequest) -> None:
    """Forget the pending login and what it had proved."""
    stagekit.clear_login(request)


def stash(request: HttpRequest, login: Login) -> None:
    """Keep the pending login in the session."""
    stagekit.stash_login(request, login)


def resume(request: HttpRequest, login: Login, *, anew: bool = False) -> HttpResponse:
    """Run the login through the stages that are left, ``anew`` through the adapter's hook first, and finish it behind the last one.

    allauth finds the request in a context variable, which its middleware sets; ours may stand outside of that.
    """
    with context.request_context(request):
        return (_login_flow.perform_login if anew else _login_flow.resume_login)(request, login)


def record(request: HttpRequest, user: AbstractBaseUser, method: str, **facts: Any) -> None:
    """Note with allauth that the user has proved something in this session."""
    _login_flow.record_authentication(request, user, method=method, **facts)


def records(request: HttpRequest, user: AbstractBaseUser) -> list[dict[str, Any]]:
    """Return what the user has proved in this session, oldest first (``method`` and ``at``, Unix seconds)."""
    return _login_flow.get_authentication_records(request, user)


def entrance_context(request: HttpRequest) -> dict[str, Any]:
    """Return what allauth's entrance pages expect in their context."""
    return get_entrance_context_data(request)


def suspend(request: HttpRequest, redirect_to: str) -> HttpResponse:
    """Keep a POST for after the reauthentication, and lead to the page that asks for it."""
    response = reauthentication.suspend_request(request, redirect_to)
    if request.method == "POST" and request.GET:
        # allauth looks for the POST by its path alone. The query is kept with it.
        return HttpResponseRedirect(f"{redirect_to}?{urlencode({REDIRECT_FIELD_NAME: request.path})}")
    return response


def password_reauthentication_url() -> str | None:
    """Return where the user can confirm the password, None if the project has no such page."""
    try:
        return reverse("account_reauthenticate")
    except NoReverseMatch:
        return None


def reauthentication_timeout() -> int:
    """Return for how many seconds allauth takes a reauthentication for recent (``ACCOUNT_REAUTHENTICATION_TIMEOUT``)."""
    return account_settings.REAUTHENTICATION_TIMEOUT


def join_reauthentication(
    is_recent: Callable[..., bool],
    flows_of: Callable[..., list[dict[str, Any]]],
    keep: Callable[..., HttpResponse],
    resume: Callable[..., HttpResponse | None],
) -> None:
    """Let allauth's reauthentication ask these, each given allauth's own function in front. A second call does nothing.

    allauth lets everybody pass of whom it knows no way to reauthenticate, does what waited whoever left it there, and has
    no hook. A release that has renamed one of the functions stops the start of the site.

    Args:
        is_recent: whether the user of a request has reauthenticated of late.
        flows_of: by which flows a user can.
        keep: keeps what has to wait for that.
        resume: goes on with it.
    """
    if isinstance(reauthentication.did_recently_reauthenticate, partial):
        return
    reauthentication.did_recently_reauthenticate = partial(is_recent, reauthentication.did_recently_reauthenticate)
    reauthentication.get_reauthentication_flows = partial(flows_of, reauthentication.get_reauthentication_flows)
    reauthentication.suspend_request = partial(keep, reauthentication.suspend_request)
    reauthentication.stash_and_reauthenticate = partial(keep, reauthentication.stash_and_reauthenticate)
    reauthentication.resume_request = partial(resume, reauthentication.resume_request)


def asks_for_our_proof() -> bool:
    """Return whether what allauth's views and decorators call still comes by what :func:`join_reauthentication` put there."""
    required = unwrap(reauthentication.is_reauthentication_required)
    return "did_recently_reauthenticate" in required.__code__.co_names


def on_mfa_authenticator_added(receiver: Callable[..., None]) -> None:
    """Call the receiver when a user sets up an authenticator of ``allauth.mfa``, if that is installed."""
    if mfa_installed():
        from allauth.mfa.signals import authenticator_added  # noqa: PLC0415 - importing it demands that allauth.mfa is installed

        authenticator_added.connect(receiver, weak=False, dispatch_uid="allauth_2fa.mfa_added")


def guard_session_readers(may_show: Callable[[SessionBase, AbstractBaseUser], bool]) -> None:
    """Let allauth read the user of a session only where that may show them. A second call does nothing.

    allauth's tokens name a session, whose user is read past every middleware, and there is no hook. All of that goes through
    one function, whoever has imported it, and so it asks there. A release that has renamed it stops the start of the site.
    """
    if isinstance(sessionkit.get_user, partial):
        return
    plain = sessionkit.get_user
    sessionkit.get_user = partial(_shown_user, plain, may_show)
    if allauth_settings.HEADLESS_ENABLED:
        from allauth.headless.internal import authkit  # noqa: PLC0415 - it is imported where the headless API is installed

        # The app client's session replaces the request's. This reads its user where a login view had put its own there.
        authkit.get_user = partial(_shown_user, authkit.get_user, may_show)
    if allauth_settings.USERSESSIONS_ENABLED:
        from allauth.usersessions import models  # noqa: PLC0415 - importing it demands that it is installed

        # The list shows nobody their user. It drops what has none, and a session that waits or is exempt has to stay on it.
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
    """Return whether allauth still reads the user of a session by what :func:`guard_session_readers` put there."""
    return "get_user" in sessionkit.get_session_user.__code__.co_names


def stateless_token_seconds() -> int:
    """Return for how many seconds an access token of the headless API lives that is not held against its session; 0 if each is."""
    if not allauth_settings.HEADLESS_ENABLED:
        return 0
    from allauth.headless import app_settings as headless_settings  # noqa: PLC0415 - these are imported where
    from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy  # noqa: PLC0415 - the headless API is installed

    is_stateless = isinstance(headless_settings.TOKEN_STRATEGY, JWTTokenStrategy) and not headless_settings.JWT_STATEFUL_VALIDATION_ENABLED
    return headless_settings.JWT_ACCESS_TOKEN_EXPIRES_IN if is_stateless else 0


def end_listed_sessions(user: AbstractBaseUser, request: HttpRequest | None = None, old_key: str | None = None) -> int | None:
    """End the sessions of the user that ``allauth.usersessions`` lists, and return how many; None if it is not installed.

    Args:
        user: whose sessions they are.
        request: whose session goes on, and is listed again.
        old_key: under which that session was listed until now. It is not counted.
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


def answer_headless(kinds_of: Callable[[AbstractBaseUser], list[str]]) -> None:
    """Let allauth's headless API describe the pending second factor when ``allauth.mfa`` is absent.

    Its own description imports the models of ``allauth.mfa``, which raises then.

    Args:
        kinds_of: gives the ids of the factors that a user holds.
    """
    if not allauth_settings.HEADLESS_ENABLED or mfa_installed():
        return
    from allauth.headless.base.response import BaseAuthenticationResponse  # noqa: PLC0415 - importing it demands that it is installed

    def enrich(_response: object, stage: LoginStage, flow: dict[str, Any]) -> None:
        flow["types"] = kinds_of(stage.login.user) if stage.login.user else []

    BaseAuthenticationResponse._enrich_mfa_flow = enrich  # noqa: SLF001 - there is no hook
