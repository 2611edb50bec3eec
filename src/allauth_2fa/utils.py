"""The helpers of 0.x, and what pages need to translate."""

from __future__ import annotations

from base64 import b32encode
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.contrib.auth import REDIRECT_FIELD_NAME, get_user
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.exceptions import ImproperlyConfigured

from allauth_2fa.login import guard

from .factors import registry

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.contrib.sessions.backends.base import SessionBase
    from django.http import HttpRequest
    from django_otp.plugins.otp_totp.models import TOTPDevice
    from segno import QRCode

DEFAULT_DIGITS, DEFAULT_PERIOD = 6, 30
"""What every app assumes when the URI does not say it (Key Uri Format of the Google Authenticator project)."""


def get_device_base32_secret(device: TOTPDevice) -> str:
    """Return the secret as apps and people type it."""
    return b32encode(device.bin_key).decode("ascii").rstrip("=")


def otpauth_url(device: TOTPDevice, issuer: str, label: str) -> str:
    """Return the ``otpauth:`` URI that apps read. Defaults are left out: the QR code is a fifth smaller for it."""
    facts: dict[str, object] = {"secret": get_device_base32_secret(device), "issuer": issuer}
    if device.digits != DEFAULT_DIGITS:
        facts["digits"] = device.digits
    if device.step != DEFAULT_PERIOD:
        facts["period"] = device.step
    return f"otpauth://totp/{quote(label)}?{urlencode(facts, quote_via=quote)}"


def generate_totp_config_svg(device: TOTPDevice, issuer: str, label: str) -> bytes:
    """Return the QR code of the device as an SVG document of its own."""
    document = BytesIO()
    _qr_code(otpauth_url(device, issuer, label)).save(document, kind="svg", xmldecl=False, nl=False, **COLOURS)
    return document.getvalue()


def inline_totp_config_svg(device: TOTPDevice, issuer: str, label: str) -> str:
    """Return the QR code of the device as an SVG element for a page."""
    return _qr_code(otpauth_url(device, issuer, label)).svg_inline(**COLOURS)


COLOURS: dict[str, Any] = {"border": 4, "dark": "#000", "light": "#fff", "omitsize": True}
"""Dark on light whatever the page's theme, with the quiet zone of four modules that ISO/IEC 18004 asks for."""


MASK = 2
"""Which of the eight patterns is laid over the code. Every reader reads each of them, and to look for the most even one takes
four fifths of the time."""


def _qr_code(url: str) -> QRCode:
    """Draw at error correction M, as the old line did; micro codes and a higher level are things that apps cannot read or use."""
    import segno  # noqa: PLC0415 - most processes never draw a QR code, and it costs 10 ms to import

    return segno.make(url, error="m", micro=False, boost_error=False, mask=MASK)


def user_has_valid_totp_device(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether the user has a confirmed authenticator app (one query, none if it has just verified the session)."""
    if not user.is_authenticated:
        return False
    bound = getattr(user, "otp_device", None)
    is_bound = isinstance(bound, registry.totp.model) and bound.user_id == user.pk and bound.confirmed
    return is_bound or registry.totp.devices(user).exists()


def session_may_show(session: SessionBase, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether this session may show this user to code that reads it without our middleware: a websocket, say.

    It may if it names the user, was not ended, needs no second factor, and the user lacks nothing that the site requires.
    The session and the user are read again, as they are stored now. Nothing is written, and no request is looked at.

    Args:
        session: a session store, as ``request.session``.
        user: whom it is to show. The anonymous user is never shown.
    """
    # Django ends a session, or gives it a new key, while it reads the user. Here that happens to a copy that is stored nowhere.
    copy = SessionStore()
    copy.update(dict(session.__class__(session.session_key).items()))
    found: Any = get_user(guard.SessionAlone(copy))
    return found.is_authenticated and found.pk == user.pk and guard.may_show(copy, found)


def get_next_query_string(request: HttpRequest) -> str | None:
    """Return the query string of the request with where its login will lead in ``next``, None without anything.

    The view is asked for its success URL, so that ``next`` counts from the query and from a POST. Works for any
    object as request.
    """
    params = request.GET.copy() if hasattr(request, "GET") else None
    success_url, field = _success_url(request)
    if params is not None and success_url and field:
        params[field] = success_url
    return f"?{params.urlencode()}" if params else None


def _success_url(request: HttpRequest) -> tuple[str | None, str | None]:
    """Ask a class-based view that smells of a login where it leads.

    Other views have a redirect field name too (whatever demands a login), and cannot say it without an object. The guard
    stops at such pages.
    """
    try:
        view = request.resolver_match.func.view_class()  # type: ignore[union-attr]
        view.request = request
        return view.get_success_url(), view.redirect_field_name
    except (AttributeError, ImproperlyConfigured):
        return None, None


def with_target(url: str, target: str | None) -> str:
    """Return the URL with that ``next``, which has been found safe."""
    return f"{url}?{urlencode({REDIRECT_FIELD_NAME: target})}" if target else url
