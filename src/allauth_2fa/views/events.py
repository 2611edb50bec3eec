"""What happened: the user's own part of the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse
from django.views.generic import TemplateView

from allauth_2fa.audit import log
from allauth_2fa.audit.events import EVENTS

from .base import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.base_user import AbstractBaseUser

    from allauth_2fa.models.audit import AuditEntry

PAGE_SIZE = 30
"""Events on one page."""

ICONS = (
    ("recovery_code", "list"),
    ("code_issued", "list"),
    ("browser", "browser"),
    ("sessions", "browser"),
    ("device", "app"),
    ("passkey", "passkey"),
    ("owner_told", "mail"),
)
"""With which icon events are shown, by how their names begin; all others have the key."""

LONGEST_KEY = 18
"""Digits of the highest key of a row that is looked at."""


class TwoFactorEvents(LoginRequiredMixin, Page, TemplateView):
    """Shows what happened to the visitor's second factor, a page at a time."""

    page = "events"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the events, and where older ones are (one query)."""
        user: AbstractBaseUser = self.request.user  # type: ignore[assignment]
        rows = log.recent(user, PAGE_SIZE + 1, _key(self.request.GET.get("before", "")))
        shown, more = rows[:PAGE_SIZE], rows[PAGE_SIZE:]
        older = f"{reverse('two-factor-events')}?before={shown[-1].pk}" if more else ""
        return {**super().get_context_data(**kwargs), "events": list(described(shown)), "older_url": older}


def _key(text: str) -> int | None:
    """Return the key that is written like that, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_KEY else None


def described(rows: Any) -> Iterator[dict[str, Any]]:
    """Yield what pages say of events. Of what staff did, they do not say where or by whom."""
    return map(_described, rows)


def _described(row: AuditEntry) -> dict[str, Any]:
    by_owner = row.actor_id == row.user_id
    return {
        "name": row.event,
        "label": EVENTS[row.event].label if row.event in EVENTS else row.event,
        "device": row.device,
        "icon": next((icon for start, icon in ICONS if row.event.startswith(start)), "key"),
        "at": row.at,
        "by_owner": by_owner,
        "address": row.address if by_owner else "",
        "browser": log.browser(row.user_agent) if by_owner else "",
    }
