"""``{% load allauth_2fa_layout %}``: the site's name and the menu of the account's pages, for layouts.

The layouts of :mod:`allauth_2fa.theme` use these tags, and a project's own layouts may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import template
from django.contrib.sites.shortcuts import get_current_site
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.template import Context
    from django.utils.functional import _StrPromise

register = template.Library()

OWN_PAGES = (
    ("two-factor-overview", _("Two-factor")),
    ("account_email", _("Email")),
    ("account_change_password", _("Password")),
    ("socialaccount_connections", _("Connections")),
    ("usersessions_list", _("Sessions")),
    ("account_logout", _("Sign out")),
)
VISITORS_PAGES = (("account_login", _("Sign in")), ("account_signup", _("Sign up")))


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One link of the menu."""

    label: _StrPromise
    url: str
    is_current: bool
    """Whether the visitor is on this page, or on one below it."""


@register.simple_tag(takes_context=True)
def site_name(context: Context) -> str:
    """Return the name of the site, as mails and authenticator apps show it; an empty string without a request."""
    request = context.get("request")
    return "" if request is None else str(get_current_site(request).name)


@register.simple_tag
def home_url() -> str:
    """Return the path of the site's first page."""
    return get_script_prefix()


@register.simple_tag(takes_context=True)
def account_menu(context: Context) -> list[MenuItem]:
    """Return the account's pages that the site has: those of the user who is signed in, otherwise those that sign in."""
    user: Any = context.get("user")
    match = getattr(context.get("request"), "resolver_match", None)
    current = str(match.url_name) if match else ""
    return list(_items(OWN_PAGES if user is not None and user.is_authenticated else VISITORS_PAGES, current))


def _items(pages: Iterable[tuple[str, _StrPromise]], current: str) -> Iterable[MenuItem]:
    for name, label in pages:
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        # All of this package's pages are below the overview.
        is_current = current.startswith("two-factor-") if name == "two-factor-overview" else current == name
        yield MenuItem(label, url, is_current)
