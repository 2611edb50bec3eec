"""The run: clients at work, and what is done to the site meanwhile."""

from __future__ import annotations

import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from django.db import connections

from soak.visits import Visit

if TYPE_CHECKING:
    from argparse import Namespace

    from soak.ledger import Ledger
    from soak.people import Person
    from soak.site import Redis, Workers

CLIENTS = 8


class Run:
    """The clients at work, and what is done to the site meanwhile."""

    def __init__(self, asked: Namespace, workers: Workers, redis: Redis, ledger: Ledger, crowd: list[Person]) -> None:
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
        """Play one person after the other, first the one who has been away the longest."""
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
