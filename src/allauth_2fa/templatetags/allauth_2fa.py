"""Passkeys on pages that are not ours: ``{% load allauth_2fa %}``, as ``allauth_2fa/snippets/passkey_login.html`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from allauth_2fa.flows import passkeys, passwordless

if TYPE_CHECKING:
    from django.template import Context

register = template.Library()


@register.simple_tag(takes_context=True)
def passkey_login(context: Context) -> dict[str, Any] | None:
    """Return what the login page needs to offer passkeys, None where they do not sign in without a password.

    ``unknown`` is the id of a passkey that was just offered and does not exist here, and ``domain`` whose it would be.
    """
    request = context.get("request")
    if request is None or not passkeys.may_log_in():
        return None
    unknown = passwordless.take_unknown(request)
    return {"unknown": unknown, "domain": passkeys.helper(request).get_relying_party_domain() if unknown else ""}


@register.simple_tag(takes_context=True)
def passkeys_left(context: Context) -> str:
    """Return, once behind a change of the user's passkeys, what the browser is to be told of them, as JSON."""
    request = context.get("request")
    return "" if request is None else passkeys.take_change(request)
