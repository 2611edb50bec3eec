"""Logins over HTTP: gunicorn and PostgreSQL, as sites run it, for several contenders in turn."""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import company
from codes import code_now
from contenders import HERE, Contender
from environments import python_of

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

HOST = "127.0.0.1"
VISITORS = 2
SECONDS_TO_START = 30
FOUND = 302
TRIES = 2
CHALLENGE = {"b": "/accounts/2fa/authenticate/", "ours": "/accounts/two-factor/authenticate/"}
FIELD = {"b": "code", "ours": "otp_token"}
LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery staple"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Server:
    """One contender behind gunicorn, with one process that serves, and its users."""

    def __init__(self, contender: Contender, postgres: str, users: int) -> None:
        """Make the database and its users, and start."""
        self._kind = contender.kind
        self._python = str(python_of(contender.environment))
        self._environment = {
            **company.environment_of(contender.kind, contender.level, Path(f"bench_{contender.kind}")),
            "BENCH_POSTGRES": postgres,
        }
        made = subprocess.run(
            [self._python, "signed_up.py", contender.kind, str(users)],
            cwd=HERE,
            env=self._environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._users: list[tuple[str, str]] = json.loads(made.stdout)
        with socket.create_server((HOST, 0)) as probe:
            self._port = probe.getsockname()[1]
        command = ["-m", "gunicorn", "--workers", "1", "--bind", f"{HOST}:{self._port}", "--log-level", "error"]
        self._process = subprocess.Popen(
            [self._python, *command, "django.core.wsgi:get_wsgi_application()"], cwd=HERE, env=self._environment
        )

    def __enter__(self) -> Self:
        """Wait until pages are served."""
        until = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < until:
            try:
                Visitor(self._port).get(LOGIN)
            except OSError:
                time.sleep(0.2)
            else:
                return self
        message = f"{self._kind} does not serve"
        raise RuntimeError(message)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the server, and drop its database."""
        self._process.terminate()
        self._process.wait()
        subprocess.run([self._python, "signed_up.py", self._kind, "0"], cwd=HERE, env=self._environment, check=True)

    def logins(self, number: int) -> tuple[float, float]:
        """Have so many users log in, each once, and return the seconds, and those of the processor, that one login takes."""
        chosen = [self._users.pop() for _ in range(number)]
        spent, began = self._processor_seconds(), time.perf_counter()
        with ThreadPoolExecutor(VISITORS) as visitors:
            list(visitors.map(self._log_in, chosen))
        return (time.perf_counter() - began) / number, (self._processor_seconds() - spent) / number

    def _log_in(self, user: tuple[str, str]) -> None:
        name, secret = user
        visitor = Visitor(self._port)
        visitor.get(LOGIN)
        visitor.post(LOGIN, {"login": name, "password": PASSWORD})
        visitor.get(CHALLENGE[self._kind])
        # A code may expire on its way.
        for _ in range(TRIES):
            status, location = visitor.post(CHALLENGE[self._kind], {FIELD[self._kind]: code_now(bytes.fromhex(secret))})
            if (status, urlsplit(location).path) == (FOUND, "/with-user/"):
                return
        message = f"{self._kind}: the login of {name} ended with {status} {location}"
        raise RuntimeError(message)

    def _processor_seconds(self) -> float:
        """Return what the serving process and its parent have used."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="utf-8").split()
        ticks = 0
        for pid in [str(self._process.pid), *children]:
            # User and system time are the 14th and 15th value; the second, a name in parentheses, may hold blanks.
            values = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += int(values[11]) + int(values[12])
        return ticks / os.sysconf("SC_CLK_TCK")


class Visitor:
    """A browser that keeps cookies and posts the token of the last form."""

    def __init__(self, port: int) -> None:
        """Begin without cookies."""
        self._port, self._cookies, self._token = port, SimpleCookie(), ""

    def get(self, path: str) -> None:
        """Load a page with a form."""
        _status, _location, page = self._ask("GET", path, None)
        found = TOKEN.search(page)
        self._token = found[1] if found else self._token

    def post(self, path: str, fields: dict[str, str]) -> tuple[int, str]:
        """Post a form, and return the status and where it leads."""
        status, location, _page = self._ask("POST", path, {**fields, "csrfmiddlewaretoken": self._token})
        return status, location

    def _ask(self, method: str, path: str, fields: dict[str, str] | None) -> tuple[int, str, str]:
        connection = HTTPConnection(HOST, self._port, timeout=30)
        headers = {"Cookie": "; ".join(f"{name}={crumb.value}" for name, crumb in self._cookies.items())}
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, urlencode(fields) if fields is not None else None, headers)
        response = connection.getresponse()
        page = response.read().decode()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            self._cookies.load(cookie)
        connection.close()
        return response.status, response.headers.get("Location", ""), page


def measure(contenders: list[Contender], postgres: str, rounds: int, number: int) -> dict[str, Any]:
    """Return logins a second, and processor time of one login, for each; and their medians as ratios to the first one's."""
    times: dict[str, list[tuple[float, float]]] = {contender.name: [] for contender in contenders}
    names = list(times)
    with ExitStack() as running:
        servers = {one.name: running.enter_context(Server(one, postgres, (rounds + 1) * number)) for one in contenders}
        for turn in range(rounds + 1):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                times[name].append(servers[name].logins(number))
    # In the first round each process builds what it builds once.
    counted = {name: those[1:] for name, those in times.items()}
    first = counted[contenders[0].name]
    return {name: _figures(those, first) for name, those in counted.items()}


def _figures(those: list[tuple[float, float]], first: list[tuple[float, float]]) -> dict[str, float]:
    return {
        "logins": 1 / statistics.median(seconds for seconds, _processor in those),
        "milliseconds": 1000 * statistics.median(processor for _seconds, processor in those),
        "logins_ratio": statistics.median(base[0] / own[0] for own, base in zip(those, first, strict=True)),
        "processor_ratio": statistics.median(base[1] / own[1] for own, base in zip(those, first, strict=True)),
    }
