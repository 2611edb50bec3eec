"""The helpers of 0.x, and helpers for QR codes and URLs."""

from __future__ import annotations

from base64 import b32encode
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.contrib.auth import REDIRECT_FIELD_NAME, get_user
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.exceptions import ImproperlyConfigured

from allauth_2fa.login import guard
from allauth_2fa.login.verdict import SessionAlone

from .factors import registry

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.contrib.sessions.backends.base import SessionBase
    from django.http import HttpRequest
    from django_otp.plugins.otp_totp.models import TOTPDevice
    from segno import QRCode

DEFAULT_DIGITS, DEFAULT_PERIOD = 6, 30
"""The values that apps assume if the URI does not give them (Key Uri Format of the Google Authenticator project)."""


def get_device_base32_secret(device: TOTPDevice) -> str:
    """Return the secret in base 32 without padding, as it is typed into an app."""
    return b32encode(device.bin_key).decode("ascii").rstrip("=")


def otpauth_url(device: TOTPDevice, issuer: str, label: str) -> str:
    """Return the ``otpauth:`` URI for apps. Default values are left out, which makes the QR code a fifth smaller."""
    facts: dict[str, object] = {"secret": get_device_base32_secret(device), "issuer": issuer}
    if device.digits != DEFAULT_DIGITS:
        facts["digits"] = device.digits
    if device.step != DEFAULT_PERIOD:
        facts["period"] = device.step
    return f"otpauth://totp/{quote(label)}?{urlencode(facts, quote_via=quote)}"


def generate_totp_config_svg(device: TOTPDevice, issuer: str, label: str) -> bytes:
    """Return the QR code of the device as an SVG document."""
    document = BytesIO()
    _qr_code(otpauth_url(device, issuer, label)).save(document, kind="svg", xmldecl=False, nl=False, **COLOURS)
    return document.getvalue()


def inline_totp_config_svg(device: TOTPDevice, issuer: str, label: str) -> str:
    """Return the QR code of the device as an SVG element to put into a page."""
    return _qr_code(otpauth_url(device, issuer, label)).svg_inline(**COLOURS)


COLOURS: dict[str, Any] = {"border": 4, "dark": "#000", "light": "#fff", "omitsize": True}
"""Dark on light in every theme, with the quiet zone of four modules that ISO/IEC 18004 requires."""


MASK = 2
"""The mask pattern, one of eight. Every reader accepts each of them; the search for the best one takes four fifths of the time."""


def _qr_code(url: str) -> QRCode:
    """Return the QR code with error correction level M, as in 0.x. Many apps cannot read micro QR codes."""
    import segno  # noqa: PLC0415 - most processes never draw a QR code, and it costs 10 ms to import

    return segno.make(url, error="m", micro=False, boost_error=False, mask=MASK)


def user_has_valid_totp_device(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether the user has a confirmed authenticator app (one query; none if the session was verified with one)."""
    if not user.is_authenticated:
        return False
    bound = getattr(user, "otp_device", None)
    is_bound = isinstance(bound, registry.totp.model) and bound.user_id == user.pk and bound.confirmed
    return is_bound or registry.totp.devices(user).exists()


def session_may_show(session: SessionBase, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether code that runs without our middleware, such as a websocket, may treat the session as this user's.

    It may if the session belongs to the user, was not ended, needs no second factor, and the user satisfies the requirement.
    The session and the user are read again from their stores. Nothing is written, and no request is needed.

    Args:
        session: a session store, as ``request.session``.
        user: the user. The result is False for the anonymous user.
    """
    # get_user() may flush the session or give it a new key. Here it works on a copy that is never saved.
    copy = SessionStore()
    copy.update(dict(session.__class__(session.session_key).items()))
    found: Any = get_user(SessionAlone(copy))
    return found.is_authenticated and found.pk == user.pk and guard.may_show(copy, found)


def get_next_query_string(request: HttpRequest) -> str | None:
    """Return the query string of the request with the login's target in ``next``; None if it would be empty.

    The target is the view's success URL, so ``next`` is read from the query and from a POST. Works for any object as request.
    """
    params = request.GET.copy() if hasattr(request, "GET") else None
    success_url, field = _success_url(request)
    if params is not None and success_url and field:
        params[field] = success_url
    return f"?{params.urlencode()}" if params else None


def _success_url(request: HttpRequest) -> tuple[str | None, str | None]:
    """Return the success URL and the redirect field name of a class-based login view; two Nones for any other view.

    Views that require a login have a redirect field name too, but no success URL without an object. The guard may run on them.
    """
    try:
        view = request.resolver_match.func.view_class()  # type: ignore[union-attr]
        view.request = request
        return view.get_success_url(), view.redirect_field_name
    except (AttributeError, ImproperlyConfigured):
        return None, None


def with_target(url: str, target: str | None) -> str:
    """Return the URL with ``next``. The caller has checked that the target is safe."""
    return f"{url}?{urlencode({REDIRECT_FIELD_NAME: target})}" if target else url
