"""Which views let somebody in past allauth's login, and whether the guard asks them for the second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core import checks

from . import find
from .classify import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Messages = list[checks.CheckMessage]

MOST_NAMED = 5
"""How many of the views that take a password with each request are named; a site may have hundreds."""

COVERED = "The guard asks those who log in there for their second factor."
NOT_COVERED = "The guard does not watch that: there is no session."
NO_GUARD = "Nobody asks for a second factor there: the guard is missing from MIDDLEWARE."


@checks.register(checks.Tags.security)
def check_doors(**_kwargs: Any) -> Messages:
    """W005, W006, E009, W030: a view lets somebody in and is not allauth's. W031: views take a password with each request."""
    found = find.doors()
    messages = [TELL[door.kind](door) for door in found if door.kind in TELL]
    return [*messages, *_passwords([door for door in found if door.kind is Kind.PASSWORD])]


def _admin(door: find.Door) -> checks.CheckMessage:
    message = f"The admin site '{door.view}' shows a login form of its own, at '{door.route}'. {_covered(door)}"
    hint = "allauth_2fa.admin.secure_admin_site(site) sends logins through allauth and lets nobody in without a second factor."
    return checks.Warning(message, hint=hint, id="allauth_2fa.W005")


def _session(door: find.Door) -> checks.CheckMessage:
    message = f"'{door.route}' is a login that is not allauth's: {door.view}. {_covered(door)}"
    hint = "allauth's login does so with e-mail verification and limits on tries too. If the view is meant, silence this."
    return checks.Warning(message, hint=hint, id="allauth_2fa.W006")


def _passkey(door: find.Door) -> checks.CheckMessage:
    message = f"'{door.route}' is django-otp-webauthn's own login: {door.view}."
    hint = "It logs in by itself, passwordless by default. Do not include django_otp_webauthn.urls."
    return checks.Error(message, hint=hint, id="allauth_2fa.E009")


def _token(door: find.Door) -> checks.CheckMessage:
    message = f"'{door.route}' gives out a token without a second factor: {door.view}. {NOT_COVERED}"
    hint = "Give tokens out to verified sessions (docs: step-up), or use allauth's headless API, whose login asks for the second factor."
    return checks.Warning(message, hint=hint, id="allauth_2fa.W030")


TELL: dict[Kind, Callable[[find.Door], checks.CheckMessage]] = {
    Kind.ADMIN: _admin,
    Kind.SESSION: _session,
    Kind.PASSKEY: _passkey,
    Kind.TOKEN: _token,
}


def _covered(door: find.Door) -> str:
    return COVERED if door.is_covered else NO_GUARD


def _passwords(doors: list[find.Door]) -> Iterator[checks.CheckMessage]:
    views = list(dict.fromkeys(door.view for door in doors))
    if views:
        more = f" and {len(views) - MOST_NAMED} more" if len(views) > MOST_NAMED else ""
        named = ", ".join(views[:MOST_NAMED]) + more
        message = f"These views take a password with each request, and no second factor: {named}. {NOT_COVERED}"
        hint = "Leave HTTP Basic authentication out. REST framework has it on unless DEFAULT_AUTHENTICATION_CLASSES says otherwise."
        yield checks.Warning(message, hint=hint, id="allauth_2fa.W031")
