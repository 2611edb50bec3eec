"""Work that waits until the response has been sent, such as mails, so that no visitor waits for a mail server.

The server closes the response after it has sent it, under WSGI and under ASGI. The work runs then, before Django's
``request_finished``. Two things can prevent that a response is closed: a middleware outside of ours sends another one instead, or
the visitor disconnects (ASGI). Neither may keep a mail back, so the work also runs at ``request_finished``, which Django sends in
both cases. A process that is killed in between loses the work.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.urls import get_urlconf, set_urlconf
from django.utils import timezone, translation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextvars import Token
    from typing import Self

    from django.http.response import HttpResponseBase


class Waiting:
    """What waits for the end of one response. As a context manager, it collects what :func:`run` is given in the block."""

    __slots__ = ("_calls", "_lock", "_token")

    def __init__(self) -> None:
        self._calls: list[Callable[[], None]] | None = []
        # Under ASGI a view may still run in its thread when its visitor is gone.
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._token: Token[Waiting | None] = _current.set(self)
        return self

    def __exit__(self, *_raised: object) -> None:
        _current.reset(self._token)

    def add(self, call: Callable[[], None]) -> bool:
        """Let the call wait, and return True; or return False if nothing can wait here any more."""
        with self._lock:
            if self._calls is None:
                return False
            self._calls.append(call)
            return True

    def is_needed(self) -> bool:
        """Return whether anything waits. If not, nothing can wait here from now on."""
        with self._lock:
            self._calls = self._calls or None
            return self._calls is not None

    def follow(self, response: HttpResponseBase) -> HttpResponseBase:
        """Have everything run when the response is closed, or at the next ``request_finished`` in this thread, and return it."""
        _thread.waiting = self
        response.close = _Closing(self, response.close)  # type: ignore[method-assign]
        return response

    def run(self) -> None:
        """Run everything that waits, once. From now on nothing waits here."""
        with self._lock:
            calls, self._calls = self._calls or [], None
        with _connections_as_found():
            for call in calls:
                call()


class _Closing:
    """Runs what waits, then closes the response. A copy of the response, as a cache keeps it, is closed as before."""

    def __init__(self, waiting: Waiting, close: Any) -> None:
        self._waiting, self._close = waiting, close

    def __call__(self) -> None:
        self._waiting.run()
        self._close()

    def __reduce__(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self._close.__reduce__()
        return found


_current: ContextVar[Waiting | None] = ContextVar("allauth_2fa_waiting", default=None)

_thread = threading.local()
"""``waiting``: what the response that this thread has made last waits for. Django closes responses in the thread that made them."""


def run(call: Callable[[], None]) -> None:
    """Run the call after the response to the current request, or at once if there is none (a command, a task).

    Args:
        call: what to run, in the language, time zone and URLconf that are active now. It must not raise an exception.
    """
    waiting = _current.get()
    if waiting is None or not waiting.add(_as_now(call)):
        call()


def run_left(**_signal: Any) -> None:
    """Run what waits for a response that was not closed. Receives ``request_finished``."""
    waiting: Waiting | None = vars(_thread).pop("waiting", None)
    if waiting is not None:
        waiting.run()


def _as_now(call: Callable[[], None]) -> Callable[[], None]:
    language, zone, urlconf = translation.get_language(), timezone.get_current_timezone(), get_urlconf()

    def run_as_then() -> None:
        found = get_urlconf()
        set_urlconf(urlconf)
        with translation.override(language), timezone.override(zone):
            call()
        set_urlconf(found)

    return run_as_then


@contextmanager
def _connections_as_found() -> Iterator[None]:
    """Close the database connections that were opened in the block: Django may have closed those of the request already."""
    found = [connection for connection in connections.all(initialized_only=True) if connection.connection is not None]
    yield
    for connection in connections.all(initialized_only=True):
        if connection not in found:
            connection.close()
