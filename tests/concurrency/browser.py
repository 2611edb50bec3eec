"""Browsers over real connections: cookies of their own, forms posted as found on the page, many at once."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPResponse
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse

from tests.cast import PASSWORD

from .server import PROCESS_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import User

PATIENCE = 30
"""Seconds after which a server that does not answer has failed the test."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    location: str | None
    text: str
    process: str

    @property
    def is_error_page(self) -> bool:
        """Return whether the server has failed."""
        return self.status >= 500


class Sending:
    """A request of which all but the last byte has been sent: the server has begun with it, and waits."""

    def __init__(self, browser: Browser, request: bytes) -> None:
        self.browser = browser
        self.last_byte = request[-1:]
        self.socket = socket.create_connection(("127.0.0.1", browser.port), timeout=PATIENCE)
        self.socket.sendall(request[:-1])

    def finish(self) -> None:
        """Send the last byte."""
        self.socket.sendall(self.last_byte)

    def answer(self) -> Answer:
        """Read what came back, and keep its cookies."""
        with self.socket, HTTPResponse(self.socket) as response:
            response.begin()
            for header in response.headers.get_all("Set-Cookie", []):
                self.browser.keep(SimpleCookie(header))
            text = response.read().decode()
            return Answer(response.status, response.headers["Location"], text, response.headers[PROCESS_HEADER])


def at_once(requests: Iterable[Sending]) -> list[Answer]:
    """Let all of the requests arrive at the same moment, and return their answers."""
    requests = list(requests)
    for request in requests:
        request.finish()
    return [request.answer() for request in requests]


class _Fields(HTMLParser):
    """The inputs of the form on a page that has the wanted one."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted
        self.found: dict[str, str] = {}
        self.current: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the inputs of each form."""
        facts = dict(attrs)
        if tag == "form":
            self.current = {}
        if tag == "input" and facts.get("name") and facts.get("type") != "checkbox":
            self.current[facts["name"] or ""] = facts.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """Keep the form if it is the one."""
        if tag == "form" and self.wanted in self.current:
            self.found = self.current


def fields_of(page: Answer, wanted: str) -> dict[str, str]:
    """Return the fields of the page's form that holds ``wanted``, as the page has filled them in."""
    parser = _Fields(wanted)
    parser.feed(page.text)
    assert parser.found, f"no form with {wanted}: {page.status} {page.location} {page.text}"
    return parser.found


class Browser:
    """Somebody's browser."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.headers = {"Host": "127.0.0.1", "Accept": "text/html", "Sec-Fetch-Dest": "document"}

    def keep(self, cookies: SimpleCookie) -> None:
        """Keep the cookies, and forget those that have been taken back."""
        for name, morsel in cookies.items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    def _request(self, method: str, path: str, body: str = "") -> bytes:
        lines = [
            f"{method} {path} HTTP/1.0",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            f"Cookie: {'; '.join(f'{name}={value}' for name, value in self.cookies.items())}",
        ]
        if body:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", body]).encode()

    def begin(self, path: str, fields: dict[str, str]) -> Sending:
        """Send all but the last byte of a POST."""
        return Sending(self, self._request("POST", path, urlencode(fields)))

    def begin_get(self, path: str) -> Sending:
        """Send all but the last byte of a GET."""
        return Sending(self, self._request("GET", path))

    def get(self, path: str) -> Answer:
        """Load a page."""
        return at_once([self.begin_get(path)])[0]

    def submit(self, path: str, page: Answer, **fields: str) -> Answer:
        """Post the page's form that has the fields, filled in like this."""
        return at_once([self.begin(path, fields_of(page, next(iter(fields))) | fields)])[0]

    def give_password(self, user: User) -> Answer:
        """Log in by password; return the page that this leads to."""
        path = reverse("account_login")
        answer = self.submit(path, self.get(path), login=user.username, password=PASSWORD)
        assert answer.status == 302, answer
        return self.get(answer.location or "")

    def is_logged_in(self, user: User) -> bool:
        """Return whether the site says that it is the user who is there."""
        return self.get(reverse("home")).text == f"user: {user.username}"
