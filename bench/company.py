"""The workers of all contenders, one process each, asked in turn."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from contenders import CONTENDERS, HERE, Contender
from environments import ENVIRONMENTS, python_of

if TYPE_CHECKING:
    from pathlib import Path


class Worker:
    """One contender's process."""

    def __init__(self, contender: Contender, directory: Path) -> None:
        """Start it and wait until its users are there."""
        self.contender = contender
        self._process = subprocess.Popen(
            [str(python_of(contender.environment)), "worker.py", contender.name],
            cwd=HERE,
            env=environment_of(contender.kind, contender.level, directory / f"{contender.name}.sqlite3"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def measure(self, step: str, measure: str, repeat: int = 1) -> dict[str, Any]:
        """Have a step measured; the answer is worker.py's."""
        request = {"step": step, "measure": measure, "repeat": repeat}
        assert self._process.stdin
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._read()

    def stop(self) -> None:
        """End the process by ending its input."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            message = f"the worker of {self.contender.name} ended"
            raise RuntimeError(message)
        answer: dict[str, Any] = json.loads(line)
        return answer


def environment_of(kind: str, level: str, database: Path) -> dict[str, str]:
    """Return the environment variables in which project.settings works."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **inherited,
        # The checkout is compiled once, like what pip has installed, and not at each start.
        "PYTHONPYCACHEPREFIX": str(ENVIRONMENTS / "pycache"),
        "BENCH_KIND": kind,
        "BENCH_LEVEL": level,
        "BENCH_DATABASE": str(database),
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore",
    }


def start(names: list[str], directory: Path) -> dict[str, Worker]:
    """Start the workers of these contenders."""
    return {name: Worker(CONTENDERS[name], directory) for name in names}
