"""An app that signs in at allauth's headless API, and each way in which it says who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.test import Client

from tests.cast import PASSWORD

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse

API = "/_allauth/app/v1/"
BY_JWT = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"
SESSION_TOKEN, ACCESS_TOKEN = ("session", "rest/session", "ninja/session"), ("rest/jwt", "ninja/jwt")


class App:
    """Holds what the API has given out."""

    def __init__(self, user: User) -> None:
        response = post("auth/login", {"username": user.username, "password": PASSWORD})
        meta = response.json()["meta"]
        self.session_token: str = meta["session_token"]
        self.access_token: str | None = meta.get("access_token")
        self.refresh_token: str | None = meta.get("refresh_token")

    def user_at(self, place: str) -> str | None:
        """Return the name of the user that the server shows there, None where it refuses."""
        if place == "session":
            return user_of(self.session_token)
        if place in SESSION_TOKEN:
            return ask("/" + place, **{"X-Session-Token": self.session_token})
        return ask("/" + place, Authorization=f"Bearer {self.access_token}")

    def refresh(self) -> bool:
        """Have the tokens renewed, and return whether they were."""
        response = post("tokens/refresh", {"refresh_token": self.refresh_token})
        assert response.status_code in {200, 400}, response.text
        if response.status_code == 200:
            data = response.json()["data"]
            self.access_token, self.refresh_token = data["access_token"], data.get("refresh_token", self.refresh_token)
        return response.status_code == 200


def post(path: str, data: dict[str, Any]) -> HttpResponse:
    """Post to the API."""
    return Client().post(API + path, data, content_type="application/json")


def ask(path: str, **headers: str) -> str | None:
    """Return the name of the user that the view shows, None where it refuses."""
    response = Client().get(path, headers=headers)
    assert response.status_code in {200, 401, 403}, response.text
    return response.json()["user"] if response.status_code == 200 else None


def user_of(token: str, **headers: str) -> str | None:
    """Return the user that allauth's own API shows to the session token."""
    response = Client().get(API + "auth/session", headers={"X-Session-Token": token, **headers})
    assert response.status_code in {200, 401, 410}, response.text
    return response.json()["data"]["user"]["username"] if response.status_code == 200 else None
