"""``{% load allauth_2fa %}``: the banner of the requirement, and passkeys on pages that are not ours.

``allauth_2fa/snippets/passkey_login.html`` is such a part of the login page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from allauth_2fa.devices import passkeys
from allauth_2fa.factors import registry
from allauth_2fa.login import passwordless
from allauth_2fa.requirement import in_session
from allauth_2fa.responses import enrollment_url

if TYPE_CHECKING:
    from django.http import HttpRequest
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


@register.inclusion_tag("allauth_2fa/snippets/requirement.html", takes_context=True)
def two_factor_requirement(context: Context) -> dict[str, Any]:
    """Show the banner to a user who has to set up a second factor, and nothing to anybody else.

    It costs no query while the guard believes what it has found out about the session.
    """
    request: HttpRequest | None = context.get("request")
    user: Any = getattr(request, "user", None)
    if request is None or user is None or not user.is_authenticated:
        return {"requirement": None}
    requirement = in_session.shown(request, user)
    is_limited = len(requirement.factors) < len(registry.primaries())
    url = enrollment_url(requirement)
    return {
        "requirement": requirement,
        "is_limited": is_limited,
        "wanted": [factor.label for factor in requirement.factors],
        "url": "" if url == request.path else url,
    }
