"""What the soak runs on: a database and a Redis of its own, and worker processes that are killed."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from django.core.management import call_command
from django.db import connection, connections

from tests.concurrency.conftest import as_default, execute
from tests.concurrency.server import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 10
"""Seconds that a server may take to begin, and a killed process's connections to end."""


class Redis:
    """A Redis that belongs to the soak alone, keeps nothing on disk, and can be stopped without disturbing anybody."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise SystemExit("The soak starts a Redis of its own: install redis-server.")
        self.program = program
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """The address for the settings."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        command = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise SystemExit("Redis did not start.")

    def close(self) -> None:
        """Stop it, and forget all that it held."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Workers(Site):
    """The worker processes, one of which is killed now and then."""

    def __init__(self, database_name: str, complaints: Path, **environment: str) -> None:
        self.killing, self.killed_at = Lock(), 0.0
        super().__init__(database_name, complaints, **environment)

    def kill_one(self) -> None:
        """Kill one of them, without a word, wait until the database has done with it, and start another one."""
        place = random.randrange(len(self.processes))  # noqa: S311 - no secret
        process = self.processes[place]
        with self.killing:
            process.kill()
            process.wait()
            self.killed_at = time.monotonic()
            _wait_for_the_end_of(process.pid)
        self.start_again(place)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def settle(self) -> None:
        """Wait until nothing goes on any more that a killed process has begun."""
        # The connection is dead before the killer is done: a thread that sees that comes here while it has the lock, or later.
        with self.killing:
            pass


def _wait_for_the_end_of(pid: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [f"soak {pid}"])
            if not cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise RuntimeError("The database does not release a killed process.")


@contextmanager
def database() -> Iterator[str]:
    """Make a migrated database of the soak's own, and let it be the default one meanwhile, in all threads."""
    name = f"allauth_2fa_soak_{os.getpid()}"
    execute("CREATE DATABASE", name)
    try:
        with as_default(name):
            call_command("migrate", verbosity=0)
            yield name
    finally:
        connections.close_all()
        execute("DROP DATABASE", name)


@contextmanager
def running(redis: Redis, name: str) -> Iterator[Workers]:
    """Run the workers."""
    with tempfile.TemporaryDirectory() as folder, closing(Workers(name, Path(folder) / "complaints", SOAK_REDIS=redis.url)) as workers:
        yield workers
