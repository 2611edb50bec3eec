"""The audit log: written by :func:`allauth_2fa.audit.events.announce`, read by its owner, the admin and the auditor, and pruned."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import models, reset_queries
from django.utils import timezone
from django.utils.translation import gettext as _

from allauth_2fa.models.audit import LONGEST_ADDRESS, LONGEST_TEXT, AuditEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

BATCH_SIZE = 1000
"""Rows that are read or deleted at a time, and held in memory."""

UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of what ends a line of a log, drives a terminal, or cannot be written at all."""

TURNING = frozenset(
    "\N{LEFT-TO-RIGHT EMBEDDING}\N{RIGHT-TO-LEFT EMBEDDING}\N{POP DIRECTIONAL FORMATTING}\N{LEFT-TO-RIGHT OVERRIDE}"
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{LEFT-TO-RIGHT ISOLATE}\N{RIGHT-TO-LEFT ISOLATE}\N{FIRST STRONG ISOLATE}"
    "\N{POP DIRECTIONAL ISOLATE}"
)
"""What makes the rest of a line read backwards."""


# Writing


def clean(text: object, longest: int = LONGEST_TEXT) -> str:
    """Return the text on one line, without what could forge another line of a log, and cut."""
    shown = (" " if unicodedata.category(sign) in UNPRINTABLE or sign in TURNING else sign for sign in str(text)[: longest * 2])
    return " ".join("".join(shown).split())[:longest].strip()


@dataclass(frozen=True, slots=True)
class Client:
    """Where something was done: an address and a user agent, both empty for a command."""

    address: str = ""
    user_agent: str = ""


def client_of(request: HttpRequest | None) -> Client:
    """Return where a request comes from, as the project's adapter says, which knows the proxies."""
    if request is None:
        return Client()
    adapter = get_adapter()
    try:
        address = adapter.get_client_ip(request)
    except (PermissionDenied, ImproperlyConfigured):
        # A socket has no address, and headers of proxies can be made up. Neither stops what is being recorded.
        address = ""
    return Client(clean(address, LONGEST_ADDRESS), clean(adapter.get_http_user_agent(request)))


def label_of(user: AbstractBaseUser) -> str:
    """Return what the audit log calls a user, for when the account is gone."""
    return clean(user.get_username())


def record(event: str, user: AbstractBaseUser, actor: AbstractBaseUser, client: Client, **columns: Any) -> AuditEntry:
    """Write one row, in the transaction of the caller (one INSERT).

    Args:
        event: its name.
        user: whose second factor it concerns.
        actor: who did it.
        client: where it was done.
        columns: ``device`` and ``facts``, cleaned.
    """
    row = AuditEntry(
        event=event,
        user_id=user.pk,
        user_label=label_of(user),
        actor_id=actor.pk,
        actor_label=label_of(actor),
        address=client.address,
        user_agent=client.user_agent,
        **columns,
    )
    row.save()
    return row


# Reading


def recent(user: AbstractBaseUser, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
    """Return what happened last to the user's second factor, the newest first (one query).

    Args:
        user: whose second factor it is.
        limit: how many rows at most.
        before: only rows that are older than the one of this key.
    """
    mine = AuditEntry.objects.filter(user_id=user.pk)
    return list((mine if before is None else mine.filter(pk__lt=before))[:limit])


def has_happened(event: str, user: AbstractBaseUser, within: timedelta, **facts: str) -> bool:
    """Return whether this has happened to the user's second factor within that time (one query)."""
    rows = AuditEntry.objects.filter(user_id=user.pk, event=event, at__gt=timezone.now() - within)
    return any(facts.items() <= row.facts.items() for row in rows.only("facts")[:BATCH_SIZE])


def is_full(event: str, user: AbstractBaseUser, most: int, within: timedelta) -> bool:
    """Return whether there are so many rows of this event about the user within that time (one query)."""
    rows = AuditEntry.objects.filter(user_id=user.pk, event=event, at__gt=timezone.now() - within)
    return rows.order_by()[:most].count() >= most


PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrom", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
"""What tells browsers apart, the most particular first: most of them name others too."""

SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser(user_agent: str) -> str:
    """Return what a person calls a browser with that User-Agent header, "Firefox on Linux", and empty for an unknown one.

    Known names alone get through, and nothing that the visitor has made up.
    """
    known_as = [name for name in (_named(PROGRAMS, user_agent), _named(SYSTEMS, user_agent)) if name]
    if len(known_as) == 2:  # noqa: PLR2004 - a program and a system
        return _("%(browser)s on %(system)s") % {"browser": known_as[0], "system": known_as[1]}
    return "".join(known_as)


def _named(table: Iterable[tuple[str, str]], user_agent: str) -> str:
    return next((name for mark, name in table if mark in user_agent), "")


# Exporting and pruning

COLUMNS = ("id", "at", "event", "user_id", "user_label", "actor_id", "actor_label", "device", "address", "user_agent", "facts")

FORMULA = tuple("=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}")
"""What makes a spreadsheet compute a cell (OWASP, CSV injection). Tabs and ends of lines never get into a row."""


INNER_FORMULA = re.compile(rf"""([;|\t][\s"']*)(?=[{re.escape("".join(FORMULA))}])""")
"""Where a formula begins for a spreadsheet that takes semicolons, tabs or bars for the ends of cells, quotes or not."""


def rows(since: datetime | None = None, events: Sequence[str] = (), batch_size: int = BATCH_SIZE) -> Iterator[dict[str, Any]]:
    """Yield the rows, the oldest first, as plain values. Those that are added meanwhile are left for the next time.

    ``batch_size`` of them are held in memory, however many there are.
    """
    chosen = _chosen(events) if since is None else _chosen(events).filter(at__gte=since)
    last, end = 0, AuditEntry.objects.aggregate(end=models.Max("pk"))["end"] or 0
    page = chosen.filter(pk__lte=end).order_by("pk").values(*COLUMNS)
    while found := list(page.filter(pk__gt=last)[:batch_size]):
        for row in found:
            yield {**row, "at": row["at"].isoformat(), "user_id": _plain(row["user_id"]), "actor_id": _plain(row["actor_id"])}
        last = found[-1]["id"]
        # With DEBUG on, Django keeps the last 9,000 statements.
        reset_queries()


def _chosen(events: Sequence[str]) -> Any:
    return AuditEntry.objects.filter(event__in=events) if events else AuditEntry.objects.all()


def _plain(key: object) -> str | int | None:
    return key if isinstance(key, int) or key is None else str(key)


def as_jsonl(found: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield a line of JSON a row."""
    for row in found:
        yield json.dumps(row)


def as_csv(found: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield a line of column names, then a line a row. What a spreadsheet would compute is led by an apostrophe."""
    yield _csv_line(COLUMNS)
    for row in found:
        yield _csv_line([_cell(json.dumps(row[name]) if name == "facts" else row[name]) for name in COLUMNS])


def _cell(value: object) -> str:
    text = INNER_FORMULA.sub(r"\1'", "" if value is None else str(value))
    return f"'{text}" if text.startswith(FORMULA) else text


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def count(before: datetime, events: Sequence[str] = ()) -> int:
    """Return how many rows :func:`prune` would delete."""
    return _chosen(events).filter(at__lt=before).count()


def prune(before: datetime, events: Sequence[str] = (), batch_size: int = BATCH_SIZE) -> Iterator[int]:
    """Delete the rows from before that moment, a batch at a time, and yield how many each one was."""
    yield from _chosen(events).prune(before, batch_size)
