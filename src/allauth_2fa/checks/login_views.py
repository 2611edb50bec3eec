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

COVERED = "The guard asks those who log in there for their second factor."
NOT_COVERED = "The guard does not watch that: there is no session."
NO_GUARD = "Nobody asks for a second factor there: the guard is missing from MIDDLEWARE."


@checks.register(checks.Tags.security)
def check_login_views(**_kwargs: Any) -> Messages:
    """W005, W006, E009, W030: a login view is not allauth's. W031: views take a password with each request."""
    found = find.login_views()
    messages = [TELL[view.kind](view) for view in found if view.kind in TELL]
    return [*messages, *_passwords([view for view in found if view.kind is Kind.PASSWORD])]


def _admin(view: find.LoginView) -> checks.CheckMessage:
    message = f"The admin site '{view.view}' shows a login form of its own, at '{view.route}'. {_covered(view)}"
    hint = "allauth_2fa.admin.secure_admin_site(site) sends logins through allauth and lets nobody in without a second factor."
    return checks.Warning(message, hint=hint, id="allauth_2fa.W005")


def _session(view: find.LoginView) -> checks.CheckMessage:
    message = f"'{view.route}' is a login that is not allauth's: {view.view}. {_covered(view)}"
    hint = "allauth's login does so with e-mail verification and limits on tries too. If the view is meant, silence this."
    return checks.Warning(message, hint=hint, id="allauth_2fa.W006")


def _passkey(view: find.LoginView) -> checks.CheckMessage:
    message = f"'{view.route}' is django-otp-webauthn's own login: {view.view}."
    hint = "It logs in by itself, passwordless by default. Do not include django_otp_webauthn.urls."
    return checks.Error(message, hint=hint, id="allauth_2fa.E009")


def _token(view: find.LoginView) -> checks.CheckMessage:
    message = f"'{view.route}' gives out a token without a second factor: {view.view}. {NOT_COVERED}"
    hint = "Give tokens out to verified sessions (docs: step-up), or use allauth's headless API, whose login asks for the second factor."
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
        message = f"These views take a password with each request, and no second factor: {named}. {NOT_COVERED}"
        hint = "Leave HTTP Basic authentication out. REST framework has it on unless DEFAULT_AUTHENTICATION_CLASSES says otherwise."
        yield checks.Warning(message, hint=hint, id="allauth_2fa.W031")
