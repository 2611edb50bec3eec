"""The contender's database: made once, put back before every sample.

Putting rows back is what replaces time travel: a code that was accepted in one
sample is unused in the next, no device is throttled, no budget is spent. The
judged code runs unchanged, on the real clock.
"""

from __future__ import annotations

from pathlib import Path

from django.core.cache import cache
from django.core.management import call_command
from django.db import connection


class Database:
    """The SQLite file and the state to return to."""

    def __init__(self) -> None:
        """Create the tables."""
        call_command("migrate", verbosity=0)
        self._columns: dict[str, str] = {}

    def remember(self) -> None:
        """Keep the present rows as the state to return to."""
        kept = Path(str(connection.settings_dict["NAME"]) + ".kept")
        kept.unlink(missing_ok=True)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(kept)])
            cursor.execute("ATTACH DATABASE %s AS kept", [str(kept)])
            for table in connection.introspection.table_names():
                # Columns that the database computes are not listed, and cannot be written.
                cursor.execute("SELECT name FROM pragma_table_info(%s)", [table])
                self._columns[table] = ", ".join(connection.ops.quote_name(name) for (name,) in cursor.fetchall())

    def put_back(self) -> None:
        """Return to the state that was kept, and forget the cache."""
        cache.clear()
        with connection.cursor() as cursor:
            # The rows of a table may go before those that point to them.
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.execute("BEGIN")
            for table, columns in self._columns.items():
                name = connection.ops.quote_name(table)
                cursor.execute(f"DELETE FROM main.{name}")
                cursor.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM kept.{name}")
            cursor.execute("COMMIT")
            cursor.execute("PRAGMA foreign_keys = ON")
