"""What a driver can do: be the browser of one contender's users."""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

PASSWORD = "correct horse battery staple"
MAX_REDIRECTS = 5
FOUND = 302


@dataclass
class Account:
    """A user with the apps and recovery codes that this user owns."""

    username: str
    user: object
    secrets: list[bytes] = field(default_factory=list)
    recovery_codes: list[str] = field(default_factory=list)


class Driver(ABC):
    """Pages of one contender, as a browser visits them."""

    login_url = "/accounts/login/"
    has_challenge_page = True
    # False where a user can have one app at most, or only the first is asked.
    answers_with_any_app = True
    # What a code looks like on the page, and how many are made at once.
    recovery_code = r"\b[a-z2-7]{8}\b"
    recovery_codes = 10

    def sign_up(self, username: str, *, apps: int, recovery: bool) -> Account:
        """Create a user with this number of apps, and recovery codes if wanted."""
        user = get_user_model().objects.create_user(username, f"{username}@example.com", PASSWORD)
        account = Account(username, user)
        self.verify_email(account)
        for number in range(apps):
            secret = secrets.token_bytes(20)
            self.add_app(account, secret, number)
            account.secrets.append(secret)
        if recovery:
            account.recovery_codes = self.add_recovery_codes(account)
        return account

    def verify_email(self, account: Account) -> None:  # noqa: B027 - most have nothing to do
        """Note that the address is the user's own, where that is noted at all."""

    @abstractmethod
    def add_app(self, account: Account, secret: bytes, number: int) -> None:
        """Store a confirmed authenticator app."""

    @abstractmethod
    def add_recovery_codes(self, account: Account) -> list[str]:
        """Store recovery codes and return them."""

    def password(self, client: Client, account: Account) -> HttpResponse:
        """Post the password."""
        return client.post(self.login_url, {"login": account.username, "password": PASSWORD})

    @abstractmethod
    def challenge(self, client: Client) -> HttpResponse:
        """Load the page that asks for a code."""

    @abstractmethod
    def answer(self, client: Client, account: Account, code: str, app: int) -> HttpResponse:
        """Post a code of the user's app of that number."""

    @abstractmethod
    def prepare_recovery(self, client: Client) -> None:
        """Go where a recovery code can be posted."""

    @abstractmethod
    def recover(self, client: Client, code: str) -> HttpResponse:
        """Post a recovery code."""

    def prove(self, client: Client) -> None:  # noqa: B027 - most have nothing to do
        """Do what opens the pages that manage factors, if a login does not."""

    @abstractmethod
    def forget_codes(self, account: Account) -> None:
        """Forget that the user's code was used already, so that it can be used again now."""

    @abstractmethod
    def enrollment(self, client: Client) -> list[HttpResponse]:
        """Load what it takes until the QR code is on the screen."""

    @abstractmethod
    def new_secret(self, client: Client) -> str:
        """Return the secret that the enrollment has shown, in base32."""

    @abstractmethod
    def enroll(self, client: Client, code: str) -> HttpResponse:
        """Post the code of the new app."""

    @abstractmethod
    def make_recovery_codes(self, client: Client) -> list[HttpResponse]:
        """Make recovery codes; the last response may redirect to them."""

    def shows_recovery_codes(self, pages: list[HttpResponse]) -> bool:
        """Say whether these pages let a person read the codes."""
        text = " ".join(page.content.decode() for page in pages)
        return len(set(re.findall(self.recovery_code, text))) >= self.recovery_codes


def follow(client: Client, response: HttpResponse) -> list[HttpResponse]:
    """Return the responses to which this one redirects."""
    responses = [response]
    while responses[-1].status_code == FOUND and len(responses) <= MAX_REDIRECTS:
        responses.append(client.get(responses[-1]["Location"]))
    return responses[1:]
