"""Reads users in pages and inserts rows in bulk, so that a transfer is fast and needs little memory."""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import connections, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

ROWS_A_STATEMENT = 1000
"""Most rows per INSERT. A database may allow fewer (SQLite limits the parameters)."""


class Row(NamedTuple):
    """The fields of one row of ``allauth.mfa``'s table."""

    user: object
    type: str
    data: dict[str, str | list[str]]
    created_at: datetime
    last_used_at: datetime | None


def pages(using: str, size: int) -> Iterator[Sequence[Any]]:
    """Yield the primary keys of all users in order, one page at a time."""
    users = get_user_model()._base_manager.using(using).order_by("pk").values_list("pk", flat=True)
    page = list(users[:size])
    while page:
        yield page
        # Let the database compare the keys: Python may sort UUIDs and strings in another order.
        page = list(users.filter(pk__gt=page[-1])[:size])


def insert(model: Any, rows: Iterator[Row], using: str) -> None:
    """Insert the rows in one transaction that only writes; one that reads first fails on a busy SQLite.

    ``bulk_create`` does the same in three times the time, most of it for making model instances.
    """
    connection = connections[using]
    quote, ops, meta = connection.ops.quote_name, connection.ops, model._meta
    fields = [meta.get_field(name) for name in Row._fields]
    columns = ", ".join(quote(field.column) for field in fields)
    head = f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES "  # noqa: S608 - the names come from the model
    values = f"({', '.join(['%s'] * len(fields))})"
    # A user's rows follow each other, so the last key is often the next one.
    owner = lru_cache(maxsize=1)(partial(fields[0].get_db_prep_save, connection=connection))
    size = ops.bulk_batch_size(fields, range(ROWS_A_STATEMENT))
    with transaction.atomic(using=using), connection.cursor() as cursor:
        while part := list(islice(rows, size)):
            params: list[Any] = []
            for row in part:
                params += (
                    owner(row.user),
                    row.type,
                    ops.adapt_json_value(row.data, None),
                    ops.adapt_datetimefield_value(row.created_at),
                    ops.adapt_datetimefield_value(row.last_used_at),
                )
            cursor.execute(head + ", ".join([values] * len(part)), params)
