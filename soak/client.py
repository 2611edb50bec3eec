"""A person in a browser: pages, the answer to the challenge, a look at what is protected, and the ledger of all that."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING

from django.utils.crypto import get_random_string

from soak import expected, reckoning
from soak.ledger import DIED, ENDED, FAILED, IN, LIMITED, SENTENCES, STRANGE
from soak.people import digest_in
from tests.cast import PASSWORD
from tests.concurrency.browser import Answer, Browser, Sending

if TYPE_CHECKING:
    from soak.ledger import Entry, Ledger
    from soak.people import App, Person
    from soak.site import Workers

LOGIN, CHALLENGE, PRIVATE = "/accounts/login/", "/accounts/two-factor/authenticate/", "/private/"

LOCK_SECONDS = 11

ERROR, TOO_MANY, FOUND, OK = 500, 429, 302, 200


class Dropped(Exception):  # noqa: N818 - what became of the connection
    """The connection died before the answer was there."""


class Gone(Exception):  # noqa: N818 - the visit is over
    """The visit cannot go on: what it has come to is in the ledger."""


def outcome_of(answer: Answer) -> str:
    """Return what the page says of what was posted."""
    if answer.status >= ERROR:
        return FAILED
    if answer.status == TOO_MANY:
        return LIMITED
    if answer.status == FOUND:
        return ENDED if (answer.location or "").startswith(LOGIN) else IN
    return next((outcome for sentence, outcome in SENTENCES.items() if sentence in answer.text), STRANGE)


class Client:
    """One browser of a person's."""

    def __init__(self, workers: Workers, ledger: Ledger, person: Person, cookies: dict[str, str] | None = None) -> None:
        self.workers, self.ledger, self.person = workers, ledger, person
        self.browser = Browser(workers.port)
        self.browser.cookies |= cookies or {}
        self.began = 0.0
        self.browser.cookies["csrftoken"] = get_random_string(32)
        number = ledger.count("browsers")
        # From an address of its own, for allauth's limits.
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self.browser.headers |= {"X-Forwarded-For": address, "User-Agent": "soak"}

    # Requests

    def ask(self, begin: Sending | None, path: str = "") -> Answer:
        """Send the rest of a request, or load a page, and return what came back."""
        try:
            sending = begin or self.begin_page(path)
            sending.finish()
            answer = sending.answer()
        except (OSError, HTTPException) as error:
            raise Dropped from error
        if not answer.process:
            # Cut off among its headers, of which the process writes that name last.
            raise Dropped
        if answer.status >= ERROR:
            self.ledger.complain(f"error page: {answer.status} at {path} for {self.person.name}")
        return answer

    def begin_page(self, path: str) -> Sending:
        """Ask for all but the last byte of a page."""
        self.began = time.monotonic()
        return self.browser.begin_get(path)

    def begin(self, path: str, agent: str = "soak", **fields: str) -> Sending:
        """Send all but the last byte of a form."""
        self.browser.headers["User-Agent"], self.began = agent, time.monotonic()
        try:
            return self.browser.begin(path, {"csrfmiddlewaretoken": self.browser.cookies["csrftoken"], **fields})
        except OSError as error:
            raise Dropped from error
        finally:
            self.browser.headers["User-Agent"] = "soak"

    def get(self, path: str, destination: str = "document") -> Answer:
        """Load a page, again if the connection dies: that changes nothing."""
        self.browser.headers["Sec-Fetch-Dest"] = destination
        try:
            return self.ask(None, path)
        except Dropped:
            self.ledger.count("pages asked for again")
            self.wait_for_the_killer()
            return self.ask(None, path)
        finally:
            self.browser.headers["Sec-Fetch-Dest"] = "document"

    def wait_for_the_killer(self) -> None:
        """Wait until nothing goes on any more behind a connection that died. Nothing but a kill may be why it did."""
        self.workers.settle()
        if self.workers.killed_at < self.began:
            self.ledger.complain(f"a connection of {self.person.name} died, and nobody was killed")

    # What a person does

    def give_password(self) -> None:
        """Come to the challenge, which is not inside."""
        try:
            answer = self.ask(self.begin(LOGIN, login=self.person.name, password=PASSWORD), LOGIN)
        except Dropped:
            self.ledger.count("passwords whose connection died")
            self.wait_for_the_killer()
            # allauth counts under a lock in the cache. The killed process cannot release it: it ends after ten seconds.
            self.person.rests_until = time.monotonic() + LOCK_SECONDS
            raise Gone from None
        if answer.status != FOUND or not (answer.location or "").startswith(CHALLENGE):
            self.ledger.complain(f"the password led {self.person.name} to {answer.status} {answer.location} {_said(answer)}")
            raise Gone
        if self.ledger.count("logins") % 10 == 0:
            self.get(CHALLENGE)

    def look(self, *, expected: bool) -> None:
        """Look at the protected page, whose answer has to match."""
        answer = self.get(PRIVATE, "empty")
        self.ledger.count("looks at the protected page")
        inside = answer.status == OK and answer.text == f"user: {self.person.name}"
        if inside != expected or (not inside and answer.status == OK):
            self.ledger.complain(f"inside is {inside} instead of {expected} for {self.person.name}: {answer.status} {answer.text[:40]}")

    def start(self, path: str, act: expected.Act, **fields: str) -> tuple[Entry, Sending | None]:
        """Begin to post something that the ledger knows of; nothing if the connection died at once."""
        entry = self.ledger.begin(self.person.user_id, act.name)
        try:
            return entry, self.begin(path, entry.user_agent, **fields)
        except Dropped:
            return entry, None

    def receive(self, entry: Entry, sending: Sending | None) -> Answer | None:
        """Return the answer, None if the connection died and nothing goes on any more there."""
        with suppress(Dropped):
            if sending is not None:
                return self.ask(sending, entry.act)
        entry.outcome = DIED
        self.wait_for_the_killer()
        return None

    def conclude(self, entry: Entry, act: expected.Act, old: str, answer: Answer | None) -> str:
        """See what became of it, and reckon with that."""
        if answer is None:
            expected.judge(entry, self.person, self.person.known.get(old, self.person.others), act, self.ledger)
            return DIED
        entry.outcome = outcome_of(answer)
        if act.is_change and entry.outcome == IN and answer.location != act.leads_to:
            entry.outcome = STRANGE
        # A browser's value is replaced with its answer, also where somebody else was faster with the same code.
        budget = self.person.known.get(old, self.person.others)
        self.person.renew_known(self.browser, old)
        if reason := reckoning.reckon(entry, self.person, budget, act):
            self.ledger.complain(f"{act.name} of {self.person.name}: {reason}: {answer.status} {answer.location} {_said(answer)}")
        return entry.outcome

    def post(self, path: str, act: expected.Act, **fields: str) -> str:
        """Post something, see what became of it, and reckon with that."""
        old = digest_in(self.browser)
        entry, sending = self.start(path, act, **fields)
        outcome = self.conclude(entry, act, old, self.receive(entry, sending))
        if outcome == DIED:
            raise Gone
        return outcome

    # Answers

    def answer(self, act: expected.Act) -> str:
        """Answer the challenge, and look whether that is inside."""
        outcome = self.post(CHALLENGE, act, **act.fields)
        self.look(expected=outcome == IN)
        return outcome

    def add_app(self) -> None:
        """Add an app, inside."""
        path = "/accounts/two-factor/factors/add/totp/"
        page = self.get(path)
        found = re.search(r"secret=([A-Z2-7]+)", page.text)
        if not found:
            self.ledger.complain(f"no secret for {self.person.name}: {page.status} {page.location} {_said(page)}")
            raise Gone
        act = expected.Added(found[1])
        self.post(path, act, otp_token=act.code, name="Another")

    def remove(self, app: App) -> None:
        """Remove a device, inside."""
        self.post(f"/accounts/two-factor/factors/remove/{app.persistent_id}/", expected.Removed(app), action="remove")


def at_once(clients: list[Client], act: expected.Code) -> list[str]:
    """Answer with one code in several new browsers at the same moment."""
    begun = [(client, *client.start(CHALLENGE, act, **act.fields)) for client in clients]
    for _client, _entry, sending in begun:
        with suppress(OSError):
            if sending is not None:
                sending.finish()
    answered = [(client, entry, client.receive(entry, Finished.of(sending))) for client, entry, sending in begun]
    # Of those that died, the one that the audit log tells of comes first: the others came too late.
    answered.sort(key=lambda row: (row[2] is None, row[2] is None and "challenge_passed" not in expected.said(row[1])))
    outcomes = []
    for client, entry, answer in answered:
        is_used = answer is None and act.app.last == act.at
        outcomes.append(client.conclude(entry, expected.Replay(act.app, act.at) if is_used else act, "", answer))
    return outcomes


class Finished(Sending):
    """A request that has been sent completely."""

    def __init__(self, sending: Sending) -> None:
        self.browser, self.socket = sending.browser, sending.socket

    @classmethod
    def of(cls, sending: Sending | None) -> Finished | None:
        """Return it as one that needs no more."""
        return cls(sending) if sending is not None else None

    def finish(self) -> None:
        """Do nothing."""


def _said(answer: Answer) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())[:300]
