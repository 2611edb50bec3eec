"""A site in several processes, each with several threads, behind one socket.

The processes are this module, run with ``python -m``. All of them wait for connections on the socket that the test has
opened, so that as many requests are judged at once as there are threads in all of them together.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.conf import settings
from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PROCESSES, THREADS = 4, 8
AT_ONCE = PROCESSES * THREADS

PROCESS_HEADER = "X-Process"
"""In which each answer names the process that gave it."""

ROOT = Path(__file__).parents[2]


class Site:
    """The running processes, as the test sees them."""

    def __init__(self, database_name: str, complaints: Path, **environment: str) -> None:
        self.complaints = complaints
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=AT_ONCE * 2)
        self.port: int = self.socket.getsockname()[1]
        told = {"TEST_DATABASE_NAME": database_name, "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE, **environment}
        self.environment = {**os.environ, **told}
        self.processes = [self._start() for _ in range(PROCESSES)]
        for process in self.processes:
            self._wait_for(process)

    def start_again(self, store: int) -> None:
        """Start a process instead of one that has ended."""
        self.processes[store] = self._start()
        self._wait_for(self.processes[store])

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        if not process.stdout or not process.stdout.readline():
            raise RuntimeError(f"A server process did not start.\n{self.complaints.read_text()}")

    def _start(self) -> subprocess.Popen[bytes]:
        number = self.socket.fileno()
        with self.complaints.open("a") as log:
            return subprocess.Popen(  # noqa: S603 - this very module
                [sys.executable, "-m", __name__, str(number)],
                cwd=ROOT,
                env=self.environment,
                pass_fds=[number],
                # Never written to: its end tells the process that the test is gone, however it went.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def close(self) -> None:
        """End the processes, and wait for their end: nobody is to be left on the database."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.communicate(timeout=10)
        self.socket.close()


class _Handler(WSGIRequestHandler):
    def log_message(self, *_facts: object) -> None:
        """Keep quiet about each request."""


class _Server(WSGIServer):
    """One process of the site."""

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_name, self.server_port = listening.getsockname()
        self.setup_environ()

    def work(self) -> None:
        """Serve one connection after the other, for ever."""
        while True:
            self.process_request(*self.get_request())


def signed(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Put the number of the process on each answer."""

    def sign(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            return start_response(status, [*headers, (PROCESS_HEADER, str(os.getpid()))], *rest)

        return application(environ, start)

    return sign


def main(number: int) -> None:
    """Serve on the socket of that number until the standard input ends."""
    sys.setswitchinterval(0.0001)  # threads change places fifty times as often as usual, in the middle of a judgement too
    logging.basicConfig(level=logging.ERROR)  # an error page is to leave its traceback in the complaints
    with closing(_Server(socket.socket(fileno=number))) as server:
        server.set_app(signed(get_wsgi_application()))
        for _ in range(THREADS):
            Thread(target=server.work, daemon=True).start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
