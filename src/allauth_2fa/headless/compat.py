"""What this room uses of allauth's headless API, which is internal to allauth or takes part of it that may be missing.

The other modules of the room go through this one. ``tests/contracts/test_allauth.py`` lists each name that is used.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from allauth import app_settings as allauth_settings
from allauth.account.internal.flows import reauthentication
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless import app_settings as headless_settings
from allauth.headless import urls as headless_urls
from allauth.headless.base.response import (
    APIResponse,
    AuthenticationResponse,
    ConfigResponse,
    ConflictResponse,
    ForbiddenResponse,
    ReauthenticationResponse,
    UnauthorizedResponse,
)
from allauth.headless.base.views import APIView, AuthenticatedAPIView, AuthenticationStageAPIView
from allauth.headless.constants import Client
from allauth.headless.internal.restkit import inputs
from allauth.headless.internal.restkit.response import ErrorResponse
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import UpdateError
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.urls import URLPattern, URLResolver, include, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

__all__ = [
    "APIResponse",
    "AuthenticatedView",
    "AuthenticationResponse",
    "Client",
    "ConfigurationResponse",
    "ConflictResponse",
    "ForbiddenResponse",
    "ReauthenticationResponse",
    "StageView",
    "UnauthorizedResponse",
    "View",
    "clients",
    "endpoints",
    "hand_out_tokens",
    "has_reauthenticated",
    "inputs",
    "mfa_allows",
    "mfa_shares_question",
    "mfa_supports",
    "specification",
]

MFA = "mfa"
"""The namespace of the endpoints of the second factor, and the key of its part of the configuration."""

UNREADABLE = (ImmediateHttpResponse, RecursionError, RequestDataTooBig, ValueError)
"""What reading a body raises: allauth's answer to one that is no JSON object, and what allauth does not catch. These are too
many brackets, more than ``DATA_UPLOAD_MAX_MEMORY_SIZE``, and numbers with thousands of digits."""

LONGEST_ID = 18
"""Most characters of an id of ``allauth.mfa``: any number of that length fits into 64 bits. SQLite raises an error for longer ones."""


def _while_session_lasts(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wrap the view of an app, whose session allauth saves in the end: another request may have ended it, or given it a new key."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        session, user = request.session, request.user
        try:
            return view(request, *args, **kwargs)
        except UpdateError:
            # allauth has not come to put these back.
            request.session, request.user = session, user
            return UnauthorizedResponse(request, status=410)

    return wrapped


def _has_long_ids(ids: Any) -> bool:
    """Return whether the posted ids are a list with one that is longer than :data:`LONGEST_ID`."""
    return isinstance(ids, list) and any(len(str(each)) > LONGEST_ID for each in ids)


class _ErrorFormat:
    """Answers in allauth's error format whatever is posted."""

    @classmethod
    def as_api_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Return the view for a client (``client=``). No error report shows the variables of what it calls: codes are among them."""
        return _while_session_lasts(sensitive_variables()(super().as_api_view(**initkwargs)))  # type: ignore[misc]

    def _parse_json(self, request: HttpRequest) -> dict[str, Any] | None:
        """Return the body, None for an empty one.

        Raises:
            ImmediateHttpResponse: it is no JSON object, or holds half a character that no database stores.
        """
        try:
            data: dict[str, Any] | None = super()._parse_json(request)  # type: ignore[misc]
            json.dumps(data, ensure_ascii=False).encode()
        except UNREADABLE:
            raise self._unreadable(request) from None
        return data

    def _unreadable(self, request: HttpRequest) -> ImmediateHttpResponse:
        error = ValidationError(_("The body of the request must be a JSON object."), code="invalid")
        return ImmediateHttpResponse(ErrorResponse(request, exception=error))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the methods that the endpoint has. The body of any other request is not looked at."""
        if request.method not in self._allowed_methods():  # type: ignore[attr-defined]
            return self.http_method_not_allowed(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def http_method_not_allowed(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Return the answer to a method that the endpoint does not have."""
        return self._name_methods(request, 405)

    def leave_to_mfa(self, name: str, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return what ``allauth.mfa``'s own view of that name answers. It must be installed."""
        data = self._parse_json(request) if request.method != "GET" else None
        if data and (isinstance(data.get("credential"), str) or _has_long_ids(data.get("authenticators"))):
            # The text would be read as JSON once more, with the same traps, and the ids looked up in a database that fails.
            raise self._unreadable(request)
        view = getattr(import_module("allauth.headless.mfa.views"), name)
        return view.as_view(client=self.client)(request, *args, **kwargs)  # type: ignore[attr-defined]

    def options(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Return the methods that the endpoint has."""
        return self._name_methods(request, 200)

    def _name_methods(self, request: HttpRequest, status: int) -> HttpResponse:
        response: HttpResponse = APIResponse(request, status=status)
        response.headers["Allow"] = ", ".join(self._allowed_methods())  # type: ignore[attr-defined]
        return response


class View(_ErrorFormat, APIView):
    """An endpoint for everybody."""


class _Entered(APIView, ABC):
    """Runs after allauth has found the stage of a :class:`StageView`: it comes next in the order of the classes."""

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the request, unless the stage cannot continue here."""
        return self.enter(request) or super().handle(request, *args, **kwargs)

    @abstractmethod
    def enter(self, request: HttpRequest) -> HttpResponseBase | None:
        """Return the response to a login that cannot go on at this endpoint, None if it can. ``self.stage`` is there by now."""


class StageView(_ErrorFormat, AuthenticationStageAPIView, _Entered):
    """An endpoint for a login that waits at the stage :attr:`stage_class`, which is ``self.stage``. All others get 401."""


class AuthenticatedView(_ErrorFormat, AuthenticatedAPIView):
    """An endpoint for users who are logged in. All others get 401."""


def mfa_allows(setting: str) -> bool:
    """Return whether ``allauth.mfa`` is installed, and allows what that setting of its own is about."""
    return allauth_settings.MFA_ENABLED and bool(getattr(import_module("allauth.mfa.app_settings"), setting))


def mfa_supports(kind: str) -> bool:
    """Return whether ``allauth.mfa`` is installed, and lets users have that kind of authenticator (``MFA_SUPPORTED_TYPES``)."""
    return allauth_settings.MFA_ENABLED and kind in import_module("allauth.mfa.app_settings").SUPPORTED_TYPES


def has_reauthenticated(request: HttpRequest) -> bool:
    """Return whether the user has authenticated recently in the session, and not only at the login."""
    return bool(reauthentication.did_recently_reauthenticate(request))


def mfa_shares_question(challenge: str) -> None:
    """Have ``allauth.mfa`` accept the answer of a passkey of its own to a question of ours: a client asks one, whoever answers.

    Args:
        challenge: the random value of the question, as WebAuthn writes it in JSON.
    """
    auth = import_module("allauth.mfa.webauthn.internal.auth")
    asked = {"user_verification": auth.UserVerificationRequirement.REQUIRED, "challenge": auth.websafe_decode(challenge)}
    _options, state = auth.get_server().authenticate_begin(credentials=[], **asked)
    auth.set_state(state)


def hand_out_tokens(request: HttpRequest) -> None:
    """Have the response hand out new JWTs to an app whose session has got a new key. Those that it has name the old one."""
    request.allauth.headless._pre_user = AnonymousUser()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no hook


class _Extended(APIResponse, ABC):
    """Takes what allauth's response tells, and adds to it: it comes next in the order of the classes."""

    def __init__(self, request: HttpRequest, data: dict[str, Any]) -> None:
        super().__init__(request, data={**data, MFA: self.extend(data.get(MFA, {}))})

    @abstractmethod
    def extend(self, theirs: dict[str, Any]) -> dict[str, Any]:
        """Return the part about the second factor, from what ``allauth.mfa`` tells, empty if it is not installed."""


class ConfigurationResponse(ConfigResponse, _Extended):
    """allauth's description of the site's configuration."""

    if TYPE_CHECKING:

        def __init__(self, request: HttpRequest) -> None: ...


def endpoints(client: Client, ours: list[URLPattern], of_mfa: list[URLPattern]) -> URLResolver:
    """Return allauth's endpoints for a client, with ours in front of them.

    Args:
        client: the client.
        ours: endpoints beside allauth's own.
        of_mfa: endpoints that replace those of ``allauth.mfa``. Those that only it has stay.
    """
    (version,) = headless_urls.build_urlpatterns(client)
    others, theirs = [], []
    for pattern in version.url_patterns:
        if isinstance(pattern, URLResolver) and pattern.namespace == MFA:
            theirs += pattern.url_patterns
        else:
            others.append(pattern)
    factors = path("", include(([*of_mfa, *theirs], "headless"), namespace=MFA))
    return path(str(version.pattern), include([*ours, factors, *others]))


def clients() -> list[Client]:
    """Return the clients that the site serves (``HEADLESS_CLIENTS``)."""
    return [client for client in (Client.BROWSER, Client.APP) if client in headless_settings.CLIENTS]


def specification() -> list[URLResolver]:
    """Return the pages of the specification, if the site serves it (``HEADLESS_SERVE_SPECIFICATION``)."""
    return [path("", include("allauth.headless.spec.urls"))] if headless_settings.SERVE_SPECIFICATION else []
