"""Step-up: a view, or an action of the admin, that asks for a proof of the second factor before it does anything."""

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
    """Serve the view to sessions that have answered a challenge, and bring the others back to it once they have.

    The answer is asked for on the page of reauthentication; a ``POST`` that was stopped is gone on with behind it. Users
    without a second factor are led to set one up, anonymous visitors to the login. Scripts get a 403 that says what is
    missing. Works for functions, sync and async; for classes there is ``TwoFactorRequiredMixin``.

    Args:
        view: the view, where the decorator stands without parentheses.
        max_age: for how many seconds an answer counts; None for as long as the session lives.
        factors: ids of the factors that count (``{"webauthn"}``); None for all, recovery codes among them.
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
    """Ask for a fresh answer before an action of the admin is done to the rows that were chosen.

    It stands next to the function: ``@admin.action(...)`` above, ``@two_factor_action()`` below. The rows that were chosen are
    posted again behind the answer. Takes what :func:`two_factor_required` takes; the default is five minutes.
    """

    def decorate(action: View) -> View:
        @wraps(action)
        def do(modeladmin: Any, request: HttpRequest, queryset: Any) -> Any:
            return ask(request, max_age=max_age, factors=factors) or action(modeladmin, request, queryset)

        return cast("View", do)

    return decorate


def ask(request: HttpRequest, *, max_age: float | None = None, factors: Collection[str] | None = None) -> HttpResponseBase | None:
    """Return where the missing proof can be given, None if there is nothing missing. No cache keeps the answer."""
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
"""What a script has to do about what is missing: the ids of flows, as allauth's headless API names its own."""


def refusal(missing: str) -> JsonResponse:
    """Return the 403 that says what is missing."""
    flow = {"id": FLOWS[missing], "is_pending": missing == "proof"}
    return JsonResponse({"status": 403, "data": {"flows": [flow]}, "meta": {"missing": missing}}, status=403)


class TwoFactorRequiredMixin:
    """Serves a class-based view as :func:`two_factor_required` serves a function. It stands before the view's class."""

    max_age: float | None = None
    """For how many seconds an answer counts; None for as long as the session lives."""
    factors: Collection[str] | None = None
    """Ids of the factors that count; None for all."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the view, or ask for the proof."""
        return ask(request, max_age=self.max_age, factors=self.factors) or super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
