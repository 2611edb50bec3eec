"""System checks of login views that are not allauth's: whether the guard asks for the second factor there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core import checks

from . import find
from .classify import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Messages = list[checks.CheckMessage]

MOST_NAMED = 5
"""Most views with HTTP Basic authentication that a message names; a site may have hundreds."""

COVERED = "The guard asks for the second factor there."
NOT_COVERED = "The guard does not cover it, because it has no session."
NO_GUARD = "It does not ask for a second factor, because the guard is missing from MIDDLEWARE."


def check_login_views(**_kwargs: Any) -> Messages:
    """W005, W006, E009, W030: a login view is not allauth's. W031: views take a password with each request."""
    found = find.login_views()
    messages = [TELL[view.kind](view) for view in found if view.kind in TELL]
    return [*messages, *_passwords([view for view in found if view.kind is Kind.PASSWORD])]


def _admin(view: find.LoginView) -> checks.CheckMessage:
    message = f"The admin site '{view.view}' has its own login form at '{view.route}'. {_covered(view)}"
    hint = "Call allauth_2fa.admin.secure_admin_site(site). It sends logins through allauth and requires a second factor."
    return checks.Warning(message, hint=hint, id="allauth_2fa.W005")


def _session(view: find.LoginView) -> checks.CheckMessage:
    message = f"'{view.route}' is a login view that is not allauth's: {view.view}. {_covered(view)}"
    hint = "allauth's login also has e-mail verification and rate limits. If you want this view, silence this check."
    return checks.Warning(message, hint=hint, id="allauth_2fa.W006")


def _passkey(view: find.LoginView) -> checks.CheckMessage:
    message = f"'{view.route}' is django-otp-webauthn's own login: {view.view}."
    hint = "It logs users in on its own, by default without a password. Do not include django_otp_webauthn.urls."
    return checks.Error(message, hint=hint, id="allauth_2fa.E009")


def _token(view: find.LoginView) -> checks.CheckMessage:
    message = f"'{view.route}' issues a token without a second factor: {view.view}. {NOT_COVERED}"
    hint = "Issue tokens to verified sessions only (docs: step-up), or use allauth's headless API, which asks for the second factor."
    return checks.Warning(message, hint=hint, id="allauth_2fa.W030")


TELL: dict[Kind, Callable[[find.LoginView], checks.CheckMessage]] = {
    Kind.ADMIN: _admin,
    Kind.SESSION: _session,
    Kind.PASSKEY: _passkey,
    Kind.TOKEN: _token,
}


def _covered(view: find.LoginView) -> str:
    return COVERED if view.is_covered else NO_GUARD


def _passwords(views: list[find.LoginView]) -> Iterator[checks.CheckMessage]:
    names = list(dict.fromkeys(view.view for view in views))
    if names:
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        named = ", ".join(names[:MOST_NAMED]) + more
        message = f"These views accept a password with each request, without a second factor: {named}. {NOT_COVERED}"
        hint = "Turn off HTTP Basic authentication. REST framework has it on unless you set DEFAULT_AUTHENTICATION_CLASSES."
        yield checks.Warning(message, hint=hint, id="allauth_2fa.W031")
