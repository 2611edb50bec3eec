"""The keys of the tests, and a look at what the database really holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from django.db.models import Model

NEW = "the newest key of the tests, 0123456789"
OLD = "the oldest key of the tests, 9876543210"
STRANGE = "a key that the site never had, 55555 abc"


def held(device: Model, attribute: str = "key") -> str | None:
    """Return what the database holds in a column of the device, past all models."""
    column = device._meta.get_field(attribute)
    table, pk = column.model._meta.db_table, column.model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {connection.ops.quote_name(column.column)} FROM {table} WHERE {pk} = %s", [device.pk])  # noqa: S608 - names of models
        return cursor.fetchone()[0]


def put(device: Model, text: str | None, attribute: str = "key") -> None:
    """Write into a column of the device, past all models."""
    column = device._meta.get_field(attribute)
    table, pk = column.model._meta.db_table, column.model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {connection.ops.quote_name(column.column)} = %s WHERE {pk} = %s", [text, device.pk])  # noqa: S608 - the same
