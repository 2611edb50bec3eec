"""The steps that are measured, each prepared, run and checked."""

from __future__ import annotations

from base64 import b32decode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codes import code_now, wrong_code
from django.conf import settings
from drivers.base import follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from browser import Browser
    from django.http import HttpResponse
    from drivers.base import Account, Driver

    # A scene prepares, yields what is to be measured, then judges the outcome.
    Scene = Iterator[Callable[[], list[HttpResponse]]]

OK = 200
FOUND = 302
SESSION_USER = "_auth_user_id"
PAGE_WITH_USER = "/with-user/"
PAGE_WITHOUT_USER = "/without-user/"
# A page is over in a millisecond: several loads of it make one sample.
LOADS_OF_A_PAGE = 10


class NotOfferedError(Exception):
    """Raised when a contender has no such step."""


class UnexpectedOutcomeError(Exception):
    """Raised when a step did not do what it is for."""


@dataclass
class Visit:
    """One browser of one user."""

    driver: Driver
    account: Account
    client: Browser

    @property
    def is_signed_in(self) -> bool:
        """Say whether the browser's session belongs to a user."""
        return SESSION_USER in self.client.session

    def code(self, app: int = 0) -> str:
        """Return the code that this user's app shows."""
        return code_now(self.account.secrets[app])

    def wrong_code(self) -> str:
        """Return a code that none of this user's apps shows."""
        return wrong_code(self.account.secrets)

    def answer(self, code: str, app: int = 0) -> HttpResponse:
        """Post a code."""
        return self.driver.answer(self.client, self.account, code, app)

    def enter_password(self) -> HttpResponse:
        """Load the login page and post the password."""
        self.client.get(self.driver.login_url)
        return self.driver.password(self.client, self.account)

    def reach_challenge(self) -> None:
        """Go to where a code is asked for."""
        self.enter_password()
        if self.driver.has_challenge_page:
            self.driver.challenge(self.client)

    def sign_in(self) -> None:
        """Sign in completely, with a code if the user has an app."""
        if self.account.secrets:
            self.reach_challenge()
            self.answer(self.code())
        else:
            self.enter_password()
        self.client.get(PAGE_WITH_USER)
        expect(self.is_signed_in, "the user is not signed in")


@dataclass(frozen=True)
class Step:
    """A step, the user who does it, and how often it runs in one sample."""

    username: str
    play: Callable[[Visit], Scene]
    loads: int = 1


def expect(condition: bool, complaint: str) -> None:  # noqa: FBT001 - as assert
    """Raise unless the condition holds."""
    if not condition:
        raise UnexpectedOutcomeError(complaint)


def _password_without_factor(visit: Visit) -> Scene:
    visit.client.get(visit.driver.login_url)
    yield lambda: [visit.driver.password(visit.client, visit.account)]
    expect(visit.is_signed_in, "the password alone did not sign in")


def _password_with_factor(visit: Visit) -> Scene:
    visit.client.get(visit.driver.login_url)
    yield lambda: [visit.driver.password(visit.client, visit.account)]
    expect(not visit.is_signed_in, "the password alone signed in")


def _challenge(visit: Visit) -> Scene:
    if not visit.driver.has_challenge_page:
        raise NotOfferedError
    visit.enter_password()
    pages: list[HttpResponse] = []
    yield lambda: _keep(pages, visit.driver.challenge(visit.client))
    expect(pages[-1].status_code == OK, "no challenge page")


def _wrong_code(visit: Visit) -> Scene:
    visit.reach_challenge()
    code = visit.wrong_code()
    pages: list[HttpResponse] = []
    yield lambda: _keep(pages, visit.answer(code))
    expect(pages[-1].status_code == OK, "no answer to a wrong code")
    expect(not visit.is_signed_in, "a wrong code signed in")


def _right_code(visit: Visit) -> Scene:
    last = len(visit.account.secrets) - 1
    if last and not visit.driver.answers_with_any_app:
        raise NotOfferedError
    visit.reach_challenge()
    code = visit.code(last)
    yield lambda: [visit.answer(code, last)]
    expect(visit.is_signed_in, "a right code did not sign in")


def _recovery_code(visit: Visit) -> Scene:
    visit.reach_challenge()
    visit.driver.prepare_recovery(visit.client)
    code = visit.account.recovery_codes[0]
    yield lambda: [visit.driver.recover(visit.client, code)]
    expect(visit.is_signed_in, "a recovery code did not sign in")


def _enrollment(visit: Visit) -> Scene:
    visit.sign_in()
    visit.driver.prove(visit.client)
    pages: list[HttpResponse] = []
    yield lambda: _keep(pages, *visit.driver.enrollment(visit.client))
    statuses = [page.status_code for page in pages]
    expect(set(statuses) == {OK}, f"no enrollment page but {statuses}")
    expect("svg" in pages[-1].content.decode(), "no QR code")


def _enrolled(visit: Visit) -> Scene:
    visit.sign_in()
    visit.driver.prove(visit.client)
    visit.driver.enrollment(visit.client)
    code = code_now(b32decode(visit.driver.new_secret(visit.client)))
    pages: list[HttpResponse] = []
    yield lambda: _keep(pages, visit.driver.enroll(visit.client, code))
    expect(pages[-1].status_code == FOUND, "the new app was not taken")


def _make_recovery_codes(visit: Visit) -> Scene:
    visit.sign_in()
    visit.driver.prove(visit.client)
    pages: list[HttpResponse] = []
    yield lambda: _keep(pages, *visit.driver.make_recovery_codes(visit.client))
    pages += follow(visit.client, pages[-1])
    expect(visit.driver.shows_recovery_codes(pages), "no recovery codes")


def _read_recovery_codes(visit: Visit) -> Scene:
    visit.sign_in()
    visit.driver.prove(visit.client)
    pages: list[HttpResponse] = []

    def run() -> list[HttpResponse]:
        pages.extend(visit.driver.make_recovery_codes(visit.client))
        pages.extend(follow(visit.client, pages[-1]))
        return pages

    yield run
    expect(visit.driver.shows_recovery_codes(pages), "no recovery codes")


def _page_with_user(visit: Visit) -> Scene:
    visit.sign_in()
    pages: list[HttpResponse] = []
    yield lambda: _keep(pages, visit.client.get(PAGE_WITH_USER))
    expect(visit.account.username in pages[-1].content.decode(), "no user on the page")


def _page_without_user(visit: Visit) -> Scene:
    visit.sign_in()
    pages: list[HttpResponse] = []
    yield lambda: _keep(pages, visit.client.get(PAGE_WITHOUT_USER))
    expect(pages[-1].status_code == OK, "no page")


def _whole_login(visit: Visit) -> Scene:
    visit.client.get(visit.driver.login_url)
    code = visit.code()

    def run() -> list[HttpResponse]:
        visit.driver.password(visit.client, visit.account)
        if visit.driver.has_challenge_page:
            visit.driver.challenge(visit.client)
        return [visit.answer(code)]

    yield run
    expect(visit.is_signed_in, "the whole login did not sign in")


def _login_in_a_known_browser(visit: Visit) -> Scene:
    visit.sign_in()
    # The session is gone; whatever else the browser keeps, it still has.
    del visit.client.cookies[settings.SESSION_COOKIE_NAME]
    visit.driver.forget_codes(visit.account)
    yield from _whole_login(visit)


def _keep(pages: list[HttpResponse], *new: HttpResponse) -> list[HttpResponse]:
    pages.extend(new)
    return pages


STEPS: dict[str, Step] = {
    "password": Step("alice", _password_without_factor),
    "password-factor": Step("bob", _password_with_factor),
    "challenge": Step("bob", _challenge),
    "wrong-1": Step("bob", _wrong_code),
    "wrong-10": Step("carol", _wrong_code),
    "right-1": Step("bob", _right_code),
    "right-10": Step("carol", _right_code),
    "recovery": Step("bob", _recovery_code),
    "enrollment": Step("alice", _enrollment),
    "enrolled": Step("alice", _enrolled),
    "make-codes": Step("bob", _make_recovery_codes),
    "read-codes": Step("bob", _read_recovery_codes),
    "page-user": Step("bob", _page_with_user, LOADS_OF_A_PAGE),
    "page-plain": Step("bob", _page_without_user, LOADS_OF_A_PAGE),
    "login": Step("bob", _whole_login),
    "login-known": Step("bob", _login_in_a_known_browser),
}
