"""Let many people sign in at once while workers are killed, then compare: ``python -m soak --help``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soak.ledger import Ledger
    from soak.people import Person
    from soak.site import Redis, Workers

CLIENTS = 8


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--logins", type=int, default=20_000, help="how many times a password is given (%(default)s)")
    parser.add_argument("--people", type=int, help="how many people there are (one for each eight logins)")
    parser.add_argument("--kill-every", type=int, default=200, metavar="N", help="kill a worker every N logins, 0: never (%(default)s)")
    parser.add_argument("--stop-cache", action="store_true", help="stop Redis for the middle third of the run")
    parser.add_argument("--autocommit", action="store_true", help="requests are no transactions: ATOMIC_REQUESTS is off, Django's default")
    return parser.parse_args()


def main() -> int:
    """Run the soak, and return the exit code: 0 if everything agrees."""
    asked = options()
    if not os.environ.get("TEST_POSTGRES"):
        raise SystemExit("The soak needs PostgreSQL: set TEST_POSTGRES, as in postgres://user@127.0.0.1:5432/postgres")
    os.environ |= {"DJANGO_SETTINGS_MODULE": "soak.settings", "TEST_DATABASE": "postgres"}
    os.environ["SOAK_AUTOCOMMIT"] = "1" if asked.autocommit else ""
    import django  # noqa: PLC0415 - the settings are told by the options

    django.setup()
    from soak import compare, people, report, site  # noqa: PLC0415 - the same
    from soak.ledger import Ledger  # noqa: PLC0415 - the same

    with site.database() as name, closing(site.Redis()) as redis, site.running(redis, name) as workers:
        crowd, ledger = people.make_people(asked.people or max(60, asked.logins // 8)), Ledger()
        run = Run(asked, workers, redis, ledger, crowd)
        run.play()
        wrong = [*ledger.complaints, *compare.differences(ledger, crowd)]
        print(report.table(asked, run, ledger))
        for line in wrong[:40]:
            print(f"DISAGREES: {line}")
        print(f"{len(wrong)} disagreements" if wrong else "Everything agrees.")
        if wrong:
            print(workers.complaints.read_text()[-4000:], file=sys.stderr)
    return 1 if wrong else 0


class Run:
    """The clients at work, and what is done to the site meanwhile."""

    def __init__(self, asked: argparse.Namespace, workers: Workers, redis: Redis, ledger: Ledger, crowd: list[Person]) -> None:
        self.asked, self.workers, self.redis, self.ledger = asked, workers, redis, ledger
        self.waiting, self.lock = deque(crowd), Lock()
        self.kills = self.without_cache = 0
        self.seconds = 0.0
        self.is_over = False

    @property
    def logins(self) -> int:
        """How many there were until now."""
        return self.ledger.seen["logins"]

    def play(self) -> None:
        """Play until there were as many logins as asked for."""
        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self.visit) for _ in range(CLIENTS)]
            try:
                while not all(client.done() for client in clients):
                    self.meddle()
                    time.sleep(0.05)
            finally:
                # Whatever went wrong here, the clients come to their end.
                self.is_over = True
        for client in clients:
            client.result()
        self.seconds = time.monotonic() - began

    def visit(self) -> None:
        """Play one person after the other, whoever has been away the longest."""
        from django.db import connections  # noqa: PLC0415 - the settings are told by the options

        from soak.visits import Visit  # noqa: PLC0415 - the same

        try:
            while self.logins < self.asked.logins and not self.is_over:
                with self.lock:
                    person = self.waiting.popleft()
                if person.rests_until < time.monotonic():
                    Visit(self.workers, self.ledger, person).play()
                with self.lock:
                    self.waiting.append(person)
        finally:
            connections.close_all()

    def meddle(self) -> None:
        """Kill a worker, stop the cache, start it again, when it is time for it."""
        third = self.asked.logins / 3
        if self.asked.kill_every and self.logins >= (self.kills + 1) * self.asked.kill_every:
            self.workers.kill_one()
            self.kills += 1
            print(f"{self.logins} logins, {self.kills} kills, {len(self.ledger.complaints)} complaints", file=sys.stderr)
        if self.asked.stop_cache and self.redis.process and third <= self.logins < 2 * third:
            self.redis.close()
            self.without_cache -= self.logins
        elif self.redis.process is None and self.logins >= 2 * third:
            self.redis.start()
            self.without_cache += self.logins


if __name__ == "__main__":
    sys.exit(main())
