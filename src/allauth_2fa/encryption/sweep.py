"""Goes through the columns of secrets and codes a batch at a time: looks, encrypts, rotates, decrypts.

Each row is changed by an UPDATE that names its old text and its owner, so nothing that somebody else has written meanwhile
is overwritten. A batch is committed as a whole and may be lost as a whole: whenever it is interrupted, each row is as it was
or as it is to be, and the next run does the rest.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.db import connections, reset_queries, router, transaction
from django.views.decorators.debug import sensitive_variables

from . import cipher
from .columns import SecretField
from .values import Secret, Shut, at_rest, digested, opened, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .columns import AtRest

BATCH_SIZE = 1000
"""Rows a batch: a fraction of a second's work, during which the rows are locked."""

ROUNDS = 5
"""How often the rows of a batch that somebody else held or changed are looked at again."""

PAUSE = 0.1
"""Seconds between two rounds: longer than a login holds a row."""


class Action(Enum):
    """What is to be done."""

    STATUS = "status"
    ENCRYPT = "encrypt"
    ROTATE = "rotate"
    DECRYPT = "decrypt"


class State(Enum):
    """What a row holds."""

    NEWEST = "newest"
    """A secret, encrypted with the newest key."""
    OLDER = "older"
    """A secret, encrypted with another key of the site's."""
    DIGEST = "digest"
    """The digest of a code."""
    READABLE = "readable"
    """A secret or a code that whoever reads the database can use."""
    LOST = "lost"
    """A secret that cannot be read."""
    EMPTY = "empty"


class Row(NamedTuple):
    """A row as it was read."""

    pk: Any
    user_id: Any
    text: str | None


class Finding(NamedTuple):
    """What a row holds, and what that is in memory."""

    row: Row
    state: State
    value: Any


class Change(NamedTuple):
    """What a row is to hold instead."""

    row: Row
    text: str | None


@dataclass(slots=True)
class Tally:
    """What was found in a column so far, and done there."""

    rows: int = 0
    found: Counter[State] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    """Secrets that can be read, by the name of the key that they were found encrypted with."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why secrets cannot be read."""
    lost: list[Any] = field(default_factory=list)
    """The keys of the last batch's rows that cannot be read."""
    changed: int = 0
    busy: int = 0
    """Rows that are still to be changed, because others held them each time."""


def sweep(column: AtRest, action: Action, *, batch_size: int = BATCH_SIZE, dry_run: bool = False) -> Iterator[Tally]:
    """Go through a column by the primary key; yield the tally, always the same one, after each batch.

    Args:
        column: one of :func:`allauth_2fa.encryption.columns.columns`.
        action: what is to be done.
        batch_size: how many rows are held in memory, and written in one transaction, at a time.
        dry_run: count what would be changed, and write nothing.
    """
    using = router.db_for_write(column.model)
    tally = Tally()
    rows = _rows(column, using)[:batch_size]
    while page := [look(column, Row(*facts)) for facts in rows]:
        _count(page, tally)
        changes = [change for finding in page if (change := change_for(column, action, finding))]
        if dry_run:
            tally.changed += len(changes)
        else:
            _work_off(column, action, changes, tally)
        # With DEBUG on, Django keeps the last 9,000 statements: here that is every row.
        reset_queries()
        yield tally
        # The database compares the keys, never Python: each sorts UUIDs and strings in a way of its own.
        rows = _rows(column, using).filter(pk__gt=page[-1].row.pk)[:batch_size]


def total(column: AtRest) -> int:
    """Return how many rows the column has now (one query)."""
    return _rows(column, router.db_for_write(column.model)).count()


def _rows(column: AtRest, using: str) -> Any:
    rows = column.model._base_manager.using(using).order_by("pk")  # noqa: SLF001 - Django documents it
    return rows.values_list("pk", "user_id", column.attname)


@sensitive_variables("text", "value")
def look(column: AtRest, row: Row) -> Finding:
    """Find out what the row holds."""
    text = row.text
    if not text:
        return Finding(row, State.EMPTY, text)
    if not isinstance(column, SecretField):
        return Finding(row, State.DIGEST if cipher.is_digest(text) else State.READABLE, text)
    value = opened(text, column.column_name, column.owner(row.user_id))
    if isinstance(value, Secret):
        # What the newest key would make of it, and not its name alone: two keys might have one name.
        is_newest = text == at_rest(sealed(value, value.column_name, value.owner))
        return Finding(row, State.NEWEST if is_newest else State.OLDER, value)
    return Finding(row, State.LOST if isinstance(value, Shut) else State.READABLE, value)


def _count(page: Sequence[Finding], tally: Tally) -> None:
    tally.rows += len(page)
    tally.lost.clear()
    for finding in page:
        tally.found[finding.state] += 1
        if isinstance(finding.value, Shut):
            tally.reasons[finding.value.reason] += 1
            tally.lost.append(finding.row.pk)
        elif isinstance(finding.value, Secret):
            tally.keys[cipher.key_id(finding.value.stored)] += 1


@sensitive_variables("text")
def change_for(column: AtRest, action: Action, finding: Finding) -> Change | None:
    """Return what the action makes of a row, None if it leaves the row alone."""
    row, state, value = finding
    bound = column.column_name, column.owner(row.user_id)
    text = row.text
    if (action, state) in {(Action.ENCRYPT, State.READABLE), (Action.ROTATE, State.OLDER)}:
        text = at_rest(sealed(value, *bound) if isinstance(column, SecretField) else digested(value, *bound))
    elif action is Action.DECRYPT and state in {State.NEWEST, State.OLDER}:
        text = str(value)
    elif action is Action.DECRYPT and state is State.DIGEST:
        # What it was cannot be told. It was good for some minutes, and its owner has another one sent.
        text = None
    return None if text == row.text else Change(row, text)


def _work_off(column: AtRest, action: Action, changes: Sequence[Change], tally: Tally) -> None:
    """Make the changes; look again at rows that others held or changed, and count those that stay busy."""
    using = router.db_for_write(column.model)
    for number in range(ROUNDS):
        if not changes:
            return
        written = _write(column, changes, using)
        tally.changed += written
        if written == len(changes):
            return
        time.sleep(PAUSE if number else 0)
        again = _rows(column, using).filter(pk__in=[change.row.pk for change in changes])
        findings = [look(column, Row(*facts)) for facts in again]
        changes = [change for finding in findings if (change := change_for(column, action, finding))]
    tally.busy += len(changes)


def _write(column: AtRest, changes: Sequence[Change], using: str) -> int:
    """Write those changes whose rows nobody else holds and are still as they were read; return how many that were."""
    with transaction.atomic(using=using):
        free = _lock(column, [change.row.pk for change in changes], using)
        mine = [change for change in changes if change.row.pk in free]
        return _update(column, mine, using) if mine else 0


def _lock(column: AtRest, pks: list[Any], using: str) -> set[Any]:
    """Lock the rows that nobody else holds, and return their keys.

    Nobody is waited for: a batch that waits for one row while it holds others would hold up logins, and in the worst case
    one of them would be broken off. SQLite locks no rows, and a transaction there must not begin with a question.
    """
    features = connections[using].features
    rows = column.model._base_manager.using(using).filter(pk__in=pks)  # noqa: SLF001 - Django documents it
    free = rows.select_for_update(skip_locked=features.has_select_for_update_skip_locked).values_list("pk", flat=True)
    return set(free if features.has_select_for_update else pks)


def _update(column: AtRest, changes: Sequence[Change], using: str) -> int:
    """Run one conditional UPDATE a row, all in one go: an optimisation, ten times as fast as ``update()`` for each."""
    connection, meta = connections[using], cast("Any", column.model)._meta  # noqa: SLF001 - Django documents it
    quote = connection.ops.quote_name
    key, owner = meta.pk, meta.get_field("user")
    names: Any = (meta.db_table, column.column, key.column, owner.column)
    table, target, pk, user = map(quote, names)
    statement = f"UPDATE {table} SET {target} = %s WHERE {pk} = %s AND {user} = %s AND {target} = %s"  # noqa: S608 - the model's names
    facts: Any = [
        (text, key.get_db_prep_value(row.pk, connection), owner.get_db_prep_save(row.user_id, connection), row.text)
        for row, text in changes
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, facts)
        return int(cursor.rowcount)
