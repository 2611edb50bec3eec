"""The user of a session, together with the device to which the session is bound."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.utils.functional import SimpleLazyObject, empty
from django_otp.middleware import OTPMiddleware

from allauth_2fa.factors import lookup

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django_otp.models import Device


def nobody() -> AnonymousUser:
    """Return the anonymous user, with what django-otp's middleware gives every user."""
    user = AnonymousUser()
    OTPMiddleware._init_user_fields(user)  # noqa: SLF001 - there is no public way to ask for it
    return user


def user_of_session(request: HttpRequest) -> Any:
    """Read the user, and the device that the session is bound to, from the session as it is now."""
    return with_device(request, get_user(request))


class _Verifier(OTPMiddleware):
    """django-otp's middleware, but that the statement which finds the device is built once."""

    def _device_from_persistent_id(self, persistent_id: str) -> Device | None:
        return lookup.bound(self._normalize_persistent_id(persistent_id))


_VERIFIER = _Verifier(nobody)


def with_device(request: HttpRequest, user: Any) -> Any:
    """Put the device to which the request's session is bound on the user, and return the user (one query, if there is one)."""
    return _VERIFIER._verify_user_sync(request, user)  # noqa: SLF001 - what its own lazy user calls


def find_device(user: Any) -> None:
    """Find the device that the session is bound to, for the user whom django-otp's middleware has put into the request.

    That middleware would find the same one when it is first asked. A user that something else has put there is left alone.
    """
    asks = vars(user).get("_setupfunc") if type(user) is SimpleLazyObject and vars(user)["_wrapped"] is empty else None
    if isinstance(asks, partial) and asks.func == OTPMiddleware._verify_user_sync.__get__(_middleware_of(asks)):  # noqa: SLF001 - see above
        user._wrapped = with_device(*asks.args)  # noqa: SLF001 - so Django sets up its own lazy objects


def _middleware_of(asks: partial[Any]) -> Any:
    found = getattr(asks.func, "__self__", None)
    return found if type(found) is OTPMiddleware else None
