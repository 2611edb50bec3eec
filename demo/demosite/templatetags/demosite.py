"""Template tags of the demo's theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from demosite.phone import own_codes

if TYPE_CHECKING:
    from django.http import HttpRequest

register = template.Library()


# The pages of allauth that wait for somebody to read a mail.
MAIL_PAGES = {
    "account_confirm_login_code",
    "account_email",
    "account_email_verification_sent",
    "account_reset_password_done",
}


@register.inclusion_tag("demosite/phone.html", takes_context=True)
def phone(context: dict[str, Any]) -> dict[str, Any]:
    """Show what the visitor lacks: the authenticator app, or the way to the mails."""
    request: HttpRequest | None = context.get("request")
    match = request.resolver_match if request else None
    page = (match.url_name if match else None) or ""
    asks_for_code = request is not None and page.startswith("two-factor-")
    return {
        "codes": own_codes(request) if asks_for_code else [],
        "waits_for_mail": page in MAIL_PAGES,
    }


@register.filter
def in_threes(code: str) -> str:
    """Write a code as apps do: 123 456."""
    return " ".join(code[start : start + 3] for start in range(0, len(code), 3))
