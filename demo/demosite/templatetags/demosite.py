"""Template tags of the demo's theme."""

from typing import Any

from django import template
from django.http import HttpRequest

from demosite.phone import own_codes

register = template.Library()


@register.inclusion_tag("demosite/phone.html", takes_context=True)
def phone(context: dict[str, Any]) -> dict[str, Any]:
    """Show the visitor's authenticator app on the pages that ask for a code."""
    request: HttpRequest | None = context.get("request")
    match = request.resolver_match if request else None
    if request is None or match is None or "two-factor" not in (match.url_name or ""):
        return {"codes": []}
    return {"codes": own_codes(request)}


@register.filter
def in_threes(code: str) -> str:
    """Write a code as apps do: 123 456."""
    return " ".join(code[start : start + 3] for start in range(0, len(code), 3))
