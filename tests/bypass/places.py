"""What somebody tries to reach after an entrance, and what they get there, in one word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import resolve

if TYPE_CHECKING:
    from django.test import Client

LED_TO = {
    "two-factor-authenticate": "challenge",
    "two-factor-enroll": "setup",
    "two-factor-setup": "setup",
    "two-factor-overview": "setup",
    "account_login": "the login",
    "login": "the login",
    "two-factor-reauthenticate": "asked again",
    "account_reauthenticate": "asked again",
}
"""What it means to be led to the page of that name."""

MISSING = {
    "mfa_authenticate": "challenge",
    "two_factor_enrollment": "setup",
    "two_factor_setup": "setup",
    "factor": "setup",
    "two_factor_reauthenticate": "asked again",
    "proof": "asked again",
    "login": "the login",
}
"""What a script is told, by the id of the flow, or by REST framework's word."""


@dataclass(frozen=True)
class Place:
    """A place of the site."""

    name: str
    path: str
    kind: str
    """What it asks of its visitors, for the oracle."""
    is_said: bool = False
    """Its body says who is there."""

    def __str__(self) -> str:
        return self.name

    def visit(self, client: Client, headers: dict[str, str], **said: str) -> str:
        """Go there, and return what one gets."""
        response = client.get(self.path, headers=headers, **said)
        for _redirect in range(2):
            # A trusted browser is let pass on the way, and led to the same page; an admin sends to its own login first.
            if response.status_code == 302 and response["Location"].partition("?")[0] in {self.path, f"{self.path}login/"}:
                response = client.get(response["Location"], headers=headers, **said)
        return outcome(response, self)


def outcome(response: Any, place: Place) -> str:
    """Return what the response is to somebody who wanted to go to the place."""
    if response.status_code == 302:
        return LED_TO[name_of(response["Location"])]
    if response.status_code == 403:
        return _refusal(response)
    if response.status_code == 404:
        return "not found"
    if response.status_code != 200:
        return str(response.status_code)
    there = response.wsgi_request.path
    return _here(place, response) if there == place.path else LED_TO[name_of(there)]


def name_of(url: str) -> str:
    """Return the name of the page at the URL."""
    return str(resolve(url.partition("?")[0]).url_name)


def _refusal(response: Any) -> str:
    body = response.json() if response.headers["Content-Type"] == "application/json" else {}
    flow = body["data"]["flows"][0]["id"] if "data" in body else body.get("missing")
    return f"403: {MISSING[flow]}" if flow else "403"


def _here(place: Place, response: Any) -> str:
    if not place.is_said:
        return "in"
    text = response.getvalue().decode()
    if text == "plain":
        return "open"
    return "in" if "alice" in text or "carol" in text else "nobody"


class Logout(Place):
    """The logout, which has to log out."""

    def visit(self, client: Client, headers: dict[str, str], **said: str) -> str:
        """Log out, and return whether that was done."""
        client.post(self.path, headers=headers, **said)
        kept = {"_auth_user_id", "account_login"} & set(client.session.keys())
        return f"still there: {kept}" if kept else "logged out"


PLACES = [
    Place("a page that asks for nobody", "/plain/", "open", is_said=True),
    Place("an unknown path", "/no-such-page/", "unknown"),
    Place("a page for everybody", "/who/", "everybody", is_said=True),
    Place("an async page for everybody", "/who-async/", "everybody", is_said=True),
    Place("a streamed page for everybody", "/stream/", "stream", is_said=True),
    Place("a page with `login_required`", "/private/", "members", is_said=True),
    Place("an endpoint of REST framework", "/api/", "api", is_said=True),
    Place("Django's admin", "/admin/", "members"),
    Place("allauth's e-mail addresses", "/accounts/email/", "members"),
    Place("allauth's change of the password", "/accounts/password/change/", "password"),
    Place("a page with allauth's `reauthentication_required`", "/sensitive/", "reauthentication"),
    Place("the overview", "/accounts/two-factor/factors/", "overview"),
    Place("adding an app", "/accounts/two-factor/factors/add/totp/", "adding"),
    Place("recovery codes", "/accounts/two-factor/backup-tokens/", "recovery codes"),
    Place("turning the second factor off", "/accounts/two-factor/remove/", "removal"),
    Place("a view with `two_factor_required`", "/vault/", "step-up", is_said=True),
    Place("an async view with `max_age=300`", "/pay/", "fresh", is_said=True),
    Place("an endpoint with `TwoFactorRequired`", "/secured-api/", "secured api", is_said=True),
    Place("a secured admin", "/secured-admin/", "secured admin"),
    Logout("the logout", "/accounts/logout/", "logout"),
]
WHO = PLACES[2]
LOGIN, RIGHT_CODE = "where the login leads", "the right code at the challenge"
"""Two columns more: what the login itself is answered by, and whether somebody is in who gives the code that the app shows."""
