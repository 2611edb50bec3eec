"""What visitors get whose session may not show its user: a page leads on, a script is told in JSON what is missing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allauth_2fa.login import first_device, guard

from . import app_settings, compat, routes
from .state.pending import ENROLLMENT_KEY
from .state.request import CHALLENGE_PAGE, ENROLLMENT_PAGE, SessionOutcome, request_state
from .utils import with_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from allauth_2fa.requirement.policy import Requirement


def is_page(request: HttpRequest) -> bool:
    """Return whether a person is loading a page, as far as the headers say.

    Browsers say it in ``Sec-Fetch-Dest`` (W3C Fetch Metadata). Without it, what asks for HTML counts as one. Scripts and
    libraries ask for ``*/*``. What says nothing of what it accepts counts as well, unless it is obviously a script.
    """
    headers = request.headers
    if "prefetch" in headers.get("Sec-Purpose", "") + headers.get("Purpose", "") or "Service-Worker" in headers:
        return False
    destination = headers.get("Sec-Fetch-Dest")
    if destination is not None:
        return destination == "document"
    if headers.get("X-Requested-With") == "XMLHttpRequest":
        return False
    accepted, body = headers.get("Accept", ""), headers.get("Content-Type", "")
    return not body.startswith("application/json") and ("text/html" in accepted or not accepted)


# A session that was turned into a pending login


def to_challenge(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return what the login leads to that the session was turned into: the challenge, say, with ``next``."""
    target = _target(request, response)
    led = guard.lead_on(request, target)
    if led is not None and guard.is_waiting(request) and request_state(request).page == CHALLENGE_PAGE:
        return HttpResponseRedirect(with_target(reverse(CHALLENGE_PAGE), target))
    return led or response


def challenge_required(request: HttpRequest) -> JsonResponse:
    """Return the answer to a script whose session has become a login that waits, in the shape of allauth's headless API."""
    notes = request_state(request)
    if notes.page == ENROLLMENT_PAGE:
        return enrollment_required(notes.requirement, page=notes.page)
    return _refused(
        compat.STAGE_KEY, _("Complete two-factor authentication first."), is_authenticated=False, **_way(partial(reverse, notes.page))
    )


# A session that goes on, and whose user lacks what the site requires


def to_enrollment(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Lead to where the user sets up what the site requires, and from there back to where they wanted to go."""
    url = enrollment_url(request_state(request).requirement)
    return HttpResponseRedirect(with_target(url, _target(request, response)))


def enrollment_required(requirement: Requirement | None, page: str = "") -> JsonResponse:
    """Return the answer to a script whose user has to set up a second factor first. It names those that will do.

    Args:
        requirement: what the site asks.
        page: the name of the page that leads on, for a login that waits.
    """
    types = [factor.id for factor in requirement.factors] if requirement else []
    detail = _("This site requires two-factor authentication. Set it up first.")
    url = partial(reverse, page) if page else partial(enrollment_url, requirement)
    return _refused(ENROLLMENT_KEY, detail, is_authenticated=not page, **_way(url), types=types)


def enrollment_url(requirement: Requirement | None) -> str:
    """Return the page on which a user who is logged in sets up what the site requires."""
    choices = first_device.choices(requirement) if requirement else []
    return reverse((choices[0].first_page if len(choices) == 1 else "") or "two-factor-overview")


# A session in which somebody else uses the user's account


IMPERSONATED = gettext_lazy("You are using another user's account. Only its owner can see and change its two-factor authentication.")


def impersonated(request: HttpRequest) -> HttpResponse:
    """Return the answer to somebody who uses another user's account and asks for a page about that user's devices."""
    if is_page(request):
        template = f"allauth_2fa/impersonated.{app_settings.TEMPLATE_EXTENSION}"
        response = render(request, template, {"detail": IMPERSONATED}, status=403)
    else:
        error = {"code": "impersonated", "message": IMPERSONATED}
        response = JsonResponse({"status": 403, "detail": IMPERSONATED, "errors": [error]}, status=403)
    add_never_cache_headers(response)
    return response


# What they share


def _way(url: Callable[[], str]) -> dict[str, str]:
    """Return the ``url`` of the page that leads on, nothing on a site without pages."""
    return {"url": url()} if routes.are_served() else {}


def _refused(flow: str, detail: str, *, is_authenticated: bool, **facts: Any) -> JsonResponse:
    data = {"flows": [{"id": flow, "is_pending": True, **facts}]}
    return JsonResponse({"status": 403, "detail": detail, "data": data, "meta": {"is_authenticated": is_authenticated}}, status=403)


def _target(request: HttpRequest, response: HttpResponseBase) -> str | None:
    """Return where the visitor wanted to go: what the login view leads to, else the page itself."""
    if request_state(request).outcome is SessionOutcome.STOPPED_AT_LOGIN:
        wanted = response.headers.get("Location") if isinstance(response, HttpResponse) else None
    elif request.method in {"GET", "HEAD"}:
        wanted = request.get_full_path()
    else:
        wanted = request.headers.get("Referer")
    hosts = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=request.is_secure())
    return wanted if wanted and safe else None


# Messages

MESSAGE_TAG = "2fa_required"


def message_once(request: HttpRequest, text: Any) -> None:
    """Add the message, or renew the one that is still waiting to be shown."""
    storage: Any = messages.get_messages(request)
    waiting = next((message for message in storage if message.extra_tags == MESSAGE_TAG), None)
    if waiting is None:
        messages.error(request, text, extra_tags=MESSAGE_TAG)
    else:
        waiting.message = text
    storage.used = False
