"""Answers in allauth's format that allauth has no class for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from allauth_2fa.exceptions import NotYet
from allauth_2fa.responses import IMPERSONATED

from .compat import APIResponse

if TYPE_CHECKING:
    from django.http import HttpRequest

    from allauth_2fa.exceptions import Refused

INCORRECT, TOO_MANY = "incorrect_code", "too_many_login_attempts"
"""allauth's codes of an answer that is not accepted, and of one that is not judged now."""


def refused(request: HttpRequest, refusal: Refused, param: str, status: int = 400) -> APIResponse:
    """Return the answer to an answer that is refused.

    allauth knows two codes for that. ``reason`` is ours, and says more. ``retry_after`` says in how many seconds the client may
    try again, and is null if that is not known, or waiting does not help.

    Args:
        request: the request.
        refusal: why.
        param: the name of the input that is refused.
        status: the status of the HTTP response.
    """
    error: dict[str, Any] = {"message": refusal.message, "code": INCORRECT, "param": param, "reason": refusal.code}
    if not isinstance(refusal, NotYet):
        return APIResponse(request, errors=[error], status=status)
    wait = None if refusal.until is None else max(1, math.ceil((refusal.until - timezone.now()).total_seconds()))
    response = APIResponse(request, errors=[{**error, "code": TOO_MANY, "retry_after": wait}], status=status)
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    return response


def conflict(request: HttpRequest, refusal: Refused) -> APIResponse:
    """Return the answer to a change that is not possible now."""
    return APIResponse(request, errors=[{"message": refusal.message, "code": refusal.code}], status=409)


def impersonated(request: HttpRequest) -> APIResponse:
    """Return the answer to somebody who uses another user's account, at an endpoint for its owner alone."""
    return APIResponse(request, errors=[{"code": "impersonated", "message": IMPERSONATED}], status=403)


def request_options(request: HttpRequest, options: dict[str, Any]) -> APIResponse:
    """Return what the browser is to ask a passkey."""
    return APIResponse(request, data={"request_options": {"publicKey": options}})
