"""Count the queries and calls of a piece of work, and its processor time."""

from __future__ import annotations

import gc
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection
from project.leaving import Leaving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


def is_write(statement: str) -> bool:
    """Say whether a statement changes rows."""
    return statement.lstrip().upper().startswith(WRITES)


def statements_of(work: Callable[[], Any]) -> tuple[list[str], list[str]]:
    """Return the SQL that the requests send, and what is sent after their responses have left; without transaction control."""
    seen: list[str] = []
    after: list[str] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        if not sql.lstrip().upper().startswith(TRANSACTION_CONTROL):
            (seen if Leaving.is_inside else after).append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        work()
    return seen, after


def processor_time_of(work: Callable[[], Any]) -> int:
    """Return the nanoseconds of processor time that the work takes."""
    with _without_garbage_collection():
        start = time.process_time_ns()
        work()
        return time.process_time_ns() - start


def calls_of(work: Callable[[], Any]) -> tuple[int, int]:
    """Return how often the work calls a Python function, and anything at all."""
    counts = {"call": 0, "c_call": 0}

    def count(frame: Any, event: str, argument: Any) -> None:
        if event in counts:
            counts[event] += 1

    with _without_garbage_collection():
        sys.setprofile(count)
        try:
            work()
        finally:
            sys.setprofile(None)
    return counts["call"], counts["call"] + counts["c_call"]


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # A collection would hit a sample at random and outweigh what is measured.
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
