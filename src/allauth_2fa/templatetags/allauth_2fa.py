"""``{% load allauth_2fa %}``: tags for the banner of the requirement and for passkeys on other pages than ours, and words for moments.

``allauth_2fa/snippets/passkey_login.html`` uses them on the login page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import pgettext

from allauth_2fa.devices import passkeys
from allauth_2fa.factors import registry
from allauth_2fa.login import passwordless
from allauth_2fa.requirement import in_session
from allauth_2fa.responses import enrollment_url

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest
    from django.template import Context

register = template.Library()


@register.simple_tag(takes_context=True)
def passkey_login(context: Context) -> dict[str, Any] | None:
    """Return the data that the login page needs to offer passkeys, None if passkeys cannot sign in without a password.

    ``unknown`` is the id of a passkey that was just tried and does not exist here; ``domain`` is the domain that it belongs to.
    """
    request = context.get("request")
    if request is None or not passkeys.may_log_in():
        return None
    unknown = passwordless.take_unknown(request)
    return {"unknown": unknown, "domain": passkeys.helper(request).get_relying_party_domain() if unknown else ""}


@register.simple_tag(takes_context=True)
def passkeys_left(context: Context) -> str:
    """Return the user's current passkeys as JSON for the browser, once after they have changed; otherwise an empty string."""
    request = context.get("request")
    return "" if request is None else passkeys.take_change(request)


@register.inclusion_tag("allauth_2fa/snippets/requirement.html", takes_context=True)
def two_factor_requirement(context: Context) -> dict[str, Any]:
    """Show the banner to a user who must set up a second factor, and nothing to others.

    It makes no query while the guard's last check of the session is valid.
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


@register.filter(expects_localtime=True)
def when(moment: datetime) -> str:
    """Return when something happened, as people say it: "today, 14:05", "yesterday, 14:05", or the date and the time."""
    today = timezone.localdate() if timezone.is_aware(moment) else timezone.now().date()
    time = date_format(moment, "TIME_FORMAT")
    days = (today - moment.date()).days
    if days == 0:
        return pgettext("when something happened", "today, %(time)s") % {"time": time}
    if days == 1:
        return pgettext("when something happened", "yesterday, %(time)s") % {"time": time}
    return date_format(moment, "DATETIME_FORMAT")
