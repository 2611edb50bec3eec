"""Clients of the headless API, written by its contract: they know paths, status codes, flows and ``meta``, and nothing of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.test import Client

from tests.cast import PASSWORD

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse

BY_JWT = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"


class Api:
    """A client that keeps what it is given, and asks for JSON."""

    name: str

    def __init__(self) -> None:
        self.client = Client()

    def headers(self) -> dict[str, str]:
        """Return the headers that say who asks."""
        return {}

    def take(self, meta: dict[str, Any]) -> None:
        """Keep what the answer hands out."""

    def ask(self, method: str, path: str, data: Any = None, body: str | bytes | None = None) -> HttpResponse:
        """Ask an endpoint, and check that the answer is in allauth's format."""
        text = body if body is not None else "" if data is None else json.dumps(data)
        url = f"/_allauth/{self.name}/v1/{path}"
        headers = {"Sec-Fetch-Dest": "empty", "Accept": "application/json", **self.headers()}
        response = self.client.generic(method, url, text, content_type="application/json", headers=headers)
        assert response["Content-Type"] == "application/json", (response.status_code, response.content)
        answer = json.loads(response.content) if method != "HEAD" else {"status": response.status_code}
        assert answer["status"] == response.status_code
        self.take(answer.get("meta", {}))
        return response

    def get(self, path: str) -> HttpResponse:
        return self.ask("GET", path)

    def post(self, path: str, data: Any = None) -> HttpResponse:
        return self.ask("POST", path, data)

    def log_in(self, user: User) -> HttpResponse:
        """Give the password."""
        return self.post("auth/login", {"username": user.username, "password": PASSWORD})

    def answer(self, code: object, **more: object) -> HttpResponse:
        """Give a code."""
        return self.post("auth/2fa/authenticate", {"code": code, **more})

    def user(self) -> str | None:
        """Return the name of the user that the session shows, None for nobody."""
        response = self.get("auth/session")
        assert response.status_code in {200, 401, 410}
        return response.json()["data"]["user"]["username"] if response.status_code == 200 else None


class Browser(Api):
    """A single-page app: its browser keeps cookies."""

    name = "browser"


class App(Api):
    """A mobile app: it keeps the session token."""

    name = "app"
    session_token: str | None = None

    def headers(self) -> dict[str, str]:
        return {"X-Session-Token": self.session_token} if self.session_token else {}

    def take(self, meta: dict[str, Any]) -> None:
        self.session_token = meta.get("session_token", self.session_token)
        # A cookie would say who asks as well.
        self.client.cookies.pop("sessionid", None)


class JwtApp(App):
    """A mobile app that keeps JWTs, and the session token until it has those."""

    access_token: str | None = None
    refresh_token: str | None = None

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"} if self.access_token else super().headers()

    def take(self, meta: dict[str, Any]) -> None:
        super().take(meta)
        self.access_token = meta.get("access_token", self.access_token)
        self.refresh_token = meta.get("refresh_token", self.refresh_token)


CLIENTS = [Browser, App, JwtApp]


def errors_of(response: HttpResponse) -> list[tuple[str, str | None]]:
    """Return the code and the parameter of each error."""
    assert response.status_code in {400, 409}, response.content
    return [(error["code"], error.get("param")) for error in response.json()["errors"]]


def pending(response: HttpResponse) -> dict[str, Any]:
    """Return the flow that waits."""
    assert response.status_code == 401, response.content
    (flow,) = [flow for flow in response.json()["data"]["flows"] if flow.get("is_pending")]
    return flow
