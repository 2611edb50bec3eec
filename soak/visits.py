"""What people do, and how often: each visit begins with the password."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from django.utils.crypto import get_random_string

from allauth_2fa.models import ALPHABET, CODE_LENGTH, grouped
from soak import expected
from soak.client import Client, Dropped, Gone, at_once
from soak.ledger import IN, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from soak.people import App, Person
    from soak.site import Workers

MOST_APPS = 4


class Visit:
    """A person, the browser at home and those of strangers."""

    def __init__(self, workers: Workers, ledger: Ledger, person: Person) -> None:
        self.workers, self.ledger, self.person = workers, ledger, person

    def play(self) -> None:
        """Do one of the things, to its end or until a connection dies."""
        (scene,) = random.choices(list(SCENES), weights=list(SCENES.values()))  # noqa: S311 - no secret
        try:
            scene(self)
        except (Gone, Dropped):
            self.ledger.count("visits cut short")

    def at_home(self) -> Client:
        """Come with the browser that the person has verified in, and give the password."""
        client = Client(self.workers, self.ledger, self.person, self.person.home)
        # It is lost with the connection, unless the visit comes to its end.
        self.person.home = {}
        client.give_password()
        return client

    def keep(self, client: Client) -> None:
        """Keep the browser's cookie for the next time."""
        self.person.home = {name: value for name, value in client.browser.cookies.items() if name == "allauth_2fa_browser"}

    def stranger(self) -> Client:
        """Come with a new browser, and give the password."""
        client = Client(self.workers, self.ledger, self.person)
        client.give_password()
        return client

    def right(self, kind: str = "") -> expected.Code | None:
        """Return a code that is right now, of one of the devices; None if all are used."""
        apps = [app for app in self.person.apps if kind in {"", app.kind} and app.next() is not None]
        app: App | None = random.choice(apps) if apps else None  # noqa: S311 - no secret
        return expected.Code(app, app.next() or 0) if app else None

    def app(self) -> App:
        """Return one of the devices."""
        return random.choice(self.person.apps)  # noqa: S311 - no secret

    def is_in(self, client: Client) -> bool:
        """Answer by whatever is at hand, and return whether that leads inside."""
        act = self.right()
        if act is None and not self.person.codes:
            return False
        return client.answer(act or expected.Recovery(self.person.codes[0])) == IN


def sign_in(visit: Visit) -> None:
    """Sign in at home."""
    client = visit.at_home()
    visit.is_in(client)
    visit.keep(client)


def mistype(visit: Visit) -> None:
    """Mistype, then sign in."""
    client = visit.at_home()
    client.answer(expected.WrongCode(visit.app()))
    visit.is_in(client)
    visit.keep(client)


def guess(visit: Visit) -> None:
    """Guess at a device from somewhere else, until codes are locked."""
    client, app = visit.stranger(), visit.app()
    for _ in range(random.randint(3, 10)):  # noqa: S311 - no secret
        client.answer(expected.WrongCode(app))


def forget(visit: Visit) -> None:
    """Mistype at home, and give up."""
    client = visit.at_home()
    for _ in range(random.randint(2, 5)):  # noqa: S311 - no secret
        client.answer(expected.WrongCode(visit.app()))
    visit.keep(client)


def guess_recovery(visit: Visit) -> None:
    """Guess at a recovery code, and try a spent one."""
    client = visit.stranger()
    client.answer(expected.Recovery(grouped(get_random_string(CODE_LENGTH, ALPHABET))))
    if visit.person.spent:
        client.answer(expected.Recovery(visit.person.spent[0]))


def replay(visit: Visit) -> None:
    """Sign in, while somebody copies the code and comes with it from somewhere else."""
    act = visit.right()
    if act is None:
        return
    client = visit.at_home()
    outcome = client.answer(act)
    visit.keep(client)
    if outcome == IN:
        visit.stranger().answer(expected.Replay(act.app, act.at))


def race(visit: Visit) -> None:
    """Come with one code from two places at the same moment: one gets in at most."""
    act = visit.right("totp")
    if act is None:
        return
    clients = [visit.stranger(), visit.stranger()]
    outcomes = at_once(clients, act)
    if outcomes.count(IN) > 1:
        visit.ledger.complain(f"one code of {visit.person.name} was accepted twice")
    visit.ledger.count("codes from two places at once")


def recover(visit: Visit) -> None:
    """Sign in by a recovery code, which opens what was locked, and try it once more."""
    if not visit.person.codes:
        return
    code = random.choice(visit.person.codes)  # noqa: S311 - no secret
    client = visit.stranger()
    client.answer(expected.Recovery(code))
    visit.stranger().answer(expected.Recovery(code))


def add(visit: Visit) -> None:
    """Sign in and add an app."""
    client = visit.at_home()
    if len(visit.person.apps) < MOST_APPS and visit.is_in(client):
        client.add_app()
        client.look(expected=True)
    visit.keep(client)


def remove(visit: Visit) -> None:
    """Sign in and remove a device, which is not the last one."""
    client = visit.at_home()
    if len(visit.person.apps) > 1 and visit.is_in(client):
        client.remove(visit.app())
    visit.keep(client)


SCENES: dict[Callable[[Visit], None], int] = {
    sign_in: 47,
    mistype: 14,
    guess: 5,
    forget: 3,
    guess_recovery: 3,
    replay: 9,
    race: 4,
    recover: 5,
    add: 5,
    remove: 5,
}
"""What is done, and how often in a hundred visits."""
