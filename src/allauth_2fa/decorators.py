"""Step-up authentication: decorators for views and admin actions that require a verified session."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from allauth_2fa.sessions import stepup

from . import compat
from .responses import is_page

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

View = TypeVar("View", bound="Callable[..., Any]")


@overload
def two_factor_required(view: View, *, max_age: float | None = None, factors: Collection[str] | None = None) -> View: ...


@overload
def two_factor_required(
    view: None = None, *, max_age: float | None = None, factors: Collection[str] | None = None
) -> Callable[[View], View]: ...


def two_factor_required(
    view: Callable[..., Any] | None = None, *, max_age: float | None = None, factors: Collection[str] | None = None
) -> Any:
    """Require a verified session for a view.

    A user with an unverified session is redirected to the reauthentication page, and returns to the view after the answer; a
    blocked ``POST`` resumes after the answer, once. A user without a second factor is redirected to set one up, an anonymous
    visitor to the login. A script gets a 403 that says what is missing. The decorator works for sync and async functions;
    use ``TwoFactorRequiredMixin`` for classes.

    Args:
        view: the view, if the decorator is used without parentheses.
        max_age: the maximum age of the authentication in seconds; None for the life of the session.
        factors: ids of the factors that are accepted (``{"webauthn"}``); None for all, including recovery codes.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):

            @wraps(view)
            async def serve_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                stopped = await sync_to_async(ask)(request, max_age=max_age, factors=factors)
                return stopped or await view(request, *args, **kwargs)

            return serve_async

        @wraps(view)
        def serve(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return ask(request, max_age=max_age, factors=factors) or view(request, *args, **kwargs)

        return serve

    return decorate if view is None else decorate(view)


def two_factor_action(max_age: float | None = 300, factors: Collection[str] | None = None) -> Callable[[View], View]:
    """Require a recent authentication with a second factor for an admin action.

    Put ``@two_factor_action()`` below ``@admin.action(...)``. After the answer the action resumes with the selected rows.

    Args:
        max_age: the maximum age of the authentication in seconds; None for the life of the session.
        factors: ids of the factors that are accepted; None for all.
    """

    def decorate(action: View) -> View:
        @wraps(action)
        def do(modeladmin: Any, request: HttpRequest, queryset: Any) -> Any:
            return ask(request, max_age=max_age, factors=factors) or action(modeladmin, request, queryset)

        return cast("View", do)

    return decorate


def ask(request: HttpRequest, *, max_age: float | None = None, factors: Collection[str] | None = None) -> HttpResponseBase | None:
    """Return the response that asks for what the session lacks, None if nothing is missing. The response is never cached."""
    missing = stepup.lacks(request, max_age, factors)
    if not missing:
        return None
    response = _lead(request, missing) if is_page(request) else refusal(missing)
    add_never_cache_headers(response)
    return response


def _lead(request: HttpRequest, missing: str) -> HttpResponseBase:
    if missing == "proof":
        return compat.suspend(request, reverse("two-factor-reauthenticate"))
    if missing == "login":
        return redirect_to_login(request.get_full_path(), reverse("account_login"))
    return HttpResponseRedirect(f"{reverse('two-factor-overview')}?{urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})}")


FLOWS = {"login": "login", "factor": "two_factor_setup", "proof": "two_factor_reauthenticate"}
"""The id of the flow that a script must go through, by what is missing, in the style of allauth's headless API."""


def refusal(missing: str) -> JsonResponse:
    """Return a 403 response in JSON that says what is missing."""
    flow = {"id": FLOWS[missing], "is_pending": missing == "proof"}
    return JsonResponse({"status": 403, "data": {"flows": [flow]}, "meta": {"missing": missing}}, status=403)


class TwoFactorRequiredMixin:
    """Requires a verified session for a class-based view, as :func:`two_factor_required` does. Put it before the view's class."""

    max_age: float | None = None
    """The maximum age of the authentication in seconds; None for the life of the session."""
    factors: Collection[str] | None = None
    """Ids of the factors that are accepted; None for all."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the view, or ask for what is missing."""
        return ask(request, max_age=self.max_age, factors=self.factors) or super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
