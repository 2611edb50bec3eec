"""Writes, reads, exports and prunes the audit log. :func:`allauth_2fa.audit.events.announce` is the only writer."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import models, reset_queries
from django.utils import timezone
from django.utils.translation import gettext as _

from allauth_2fa.models.audit import LONGEST_ADDRESS, LONGEST_TEXT, AuditEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

BATCH_SIZE = 1000
"""Number of rows that are read or deleted at a time and held in memory."""

UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that end a line, control a terminal, or cannot be encoded."""

TURNING = frozenset(
    "\N{LEFT-TO-RIGHT EMBEDDING}\N{RIGHT-TO-LEFT EMBEDDING}\N{POP DIRECTIONAL FORMATTING}\N{LEFT-TO-RIGHT OVERRIDE}"
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{LEFT-TO-RIGHT ISOLATE}\N{RIGHT-TO-LEFT ISOLATE}\N{FIRST STRONG ISOLATE}"
    "\N{POP DIRECTIONAL ISOLATE}"
)
"""Characters that change the direction of the text after them."""


# Writing


def clean(text: object, longest: int = LONGEST_TEXT) -> str:
    """Return the text on one line of at most ``longest`` characters, without control characters that could forge a log line."""
    shown = (" " if unicodedata.category(sign) in UNPRINTABLE or sign in TURNING else sign for sign in str(text)[: longest * 2])
    return " ".join("".join(shown).split())[:longest].strip()


class Client(NamedTuple):
    """The IP address and the user agent of a request; both are empty for a command."""

    address: str = ""
    user_agent: str = ""


def client_of(request: HttpRequest | None) -> Client:
    """Return the address and the user agent of a request from the project's adapter, which knows the proxies."""
    if request is None:
        return Client()
    adapter = get_adapter()
    try:
        address = adapter.get_client_ip(request)
    except (PermissionDenied, ImproperlyConfigured):
        # A socket has no address, and proxy headers can be forged. The event is recorded all the same.
        address = ""
    return Client(clean(address, LONGEST_ADDRESS), clean(adapter.get_http_user_agent(request)))


def label_of(user: AbstractBaseUser) -> str:
    """Return the user name to store in the audit log, which remains after the account is deleted."""
    return clean(user.get_username())


def record(event: str, user: AbstractBaseUser, actor: AbstractBaseUser, client: Client, **columns: Any) -> AuditEntry:
    """Write one row in the caller's transaction (one INSERT), and return it.

    Args:
        event: the name of the event.
        user: the user that the event is about.
        actor: the person who did it.
        client: the address and the user agent.
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
    """Return the user's latest rows of the audit log, newest first (one query).

    Args:
        user: the user.
        limit: the maximum number of rows.
        before: return only rows that are older than the row with this primary key.
    """
    mine = AuditEntry.objects.filter(user_id=user.pk)
    return list((mine if before is None else mine.filter(pk__lt=before))[:limit])


def has_happened(event: str, user: AbstractBaseUser, within: timedelta, **facts: str) -> bool:
    """Return whether the user has had this event, with these facts, within the last ``within`` (one query)."""
    rows = AuditEntry.objects.filter(user_id=user.pk, event=event, at__gt=timezone.now() - within)
    return any(facts.items() <= row.facts.items() for row in rows.only("facts")[:BATCH_SIZE])


def is_full(event: str, user: AbstractBaseUser, most: int, within: timedelta) -> bool:
    """Return whether the user has had this event at least ``most`` times within the last ``within`` (one query)."""
    rows = AuditEntry.objects.filter(user_id=user.pk, event=event, at__gt=timezone.now() - within)
    return rows.order_by()[:most].count() >= most


OTHER_LOGIN = "other_login_view_used"
"""The event that records that a login view other than allauth's has logged a user in."""

USED_OF_LATE = timedelta(days=30)


def other_logins() -> list[tuple[str, int]]:
    """Return the other login views of the last 30 days with their number of logins, among the latest 1,000 logins (one query)."""
    rows = AuditEntry.objects.filter(event=OTHER_LOGIN, at__gt=timezone.now() - USED_OF_LATE)
    return Counter(str(row.facts.get("view")) for row in rows.only("facts")[:BATCH_SIZE]).most_common()


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
"""Marks of browsers in a User-Agent header. The most specific come first, since most browsers also name others."""

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
    """Return a readable name for a User-Agent header, such as "Firefox on Linux"; empty for an unknown browser.

    The name consists of known words only, never of text that the visitor has chosen.
    """
    program, system = _named(PROGRAMS, user_agent), _named(SYSTEMS, user_agent)
    if program and system:
        return _("%(browser)s on %(system)s") % {"browser": program, "system": system}
    return program or system


def _named(table: Iterable[tuple[str, str]], user_agent: str) -> str:
    return next((name for mark, name in table if mark in user_agent), "")


# Exporting and pruning

COLUMNS = ("id", "at", "event", "user_id", "user_label", "actor_id", "actor_label", "device", "address", "user_agent", "facts")

FORMULA = tuple("=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}")
"""First characters that make a spreadsheet compute a cell (OWASP, CSV injection). Rows never contain tabs or line ends."""


INNER_FORMULA = re.compile(rf"""([;|\t][\s"']*)(?=[{re.escape("".join(FORMULA))}])""")
"""Positions where a formula begins in a spreadsheet that splits cells at semicolons, tabs or bars."""


def rows(since: datetime | None = None, events: Sequence[str] = (), batch_size: int = BATCH_SIZE) -> Iterator[dict[str, Any]]:
    """Yield the rows as plain values, oldest first. Rows that are added during the run are left out.

    Args:
        since: yield only rows from this time on; None for all.
        events: yield only these events; empty for all.
        batch_size: number of rows that are held in memory.
    """
    chosen = _chosen(events) if since is None else _chosen(events).filter(at__gte=since)
    last, end = 0, AuditEntry.objects.aggregate(end=models.Max("pk"))["end"] or 0
    page = chosen.filter(pk__lte=end).order_by("pk").values(*COLUMNS)
    while found := list(page.filter(pk__gt=last)[:batch_size]):
        for row in found:
            yield {**row, "at": row["at"].isoformat(), "user_id": _plain(row["user_id"]), "actor_id": _plain(row["actor_id"])}
        last = found[-1]["id"]
        # With DEBUG on, Django remembers the last 9,000 statements.
        reset_queries()


def _chosen(events: Sequence[str]) -> Any:
    return AuditEntry.objects.filter(event__in=events) if events else AuditEntry.objects.all()


def _plain(key: object) -> str | int | None:
    return key if isinstance(key, int) or key is None else str(key)


def as_jsonl(found: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield one line of JSON for each row."""
    for row in found:
        yield json.dumps(row)


def as_csv(found: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield a line of column names, then one line for each row. An apostrophe is put before anything a spreadsheet would compute."""
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
    """Delete the rows from before that time in batches, and yield the number of rows in each batch."""
    yield from _chosen(events).prune(before, batch_size)
