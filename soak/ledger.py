"""What the clients have seen, request by request."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

IN, REFUSED, USED, THROTTLED, LOCKED, ENDED, LIMITED, DIED, FAILED, STRANGE = (
    "accepted",
    "refused",
    "used before",
    "throttled",
    "locked",
    "login ended",
    "limited by allauth",
    "connection died",
    "error page",
    "something else",
)

SENTENCES = {
    "That code is not right": REFUSED,
    "That recovery code is not right": REFUSED,
    "That code was already used": USED,
    "That recovery code was already used": USED,
    "Too many tries": THROTTLED,
    "Too many wrong codes": LOCKED,
}
"""How the page says what became of an answer."""


@dataclass
class Entry:
    """One request that may change something, and what its client saw."""

    number: int
    user_id: int
    act: str
    """What was posted: "app", "token", "recovery code", "wrong code", "wrong recovery code", "added", "removed"."""
    outcome: str = ""
    events: Counter[str] = field(default_factory=Counter)
    """What the audit log has to say of it."""
    done: str = ""
    """For one whose connection died: "nothing", "all" or "partly"."""

    @property
    def user_agent(self) -> str:
        """The name by which the audit log knows the request."""
        return f"soak/{self.number}"


class Ledger:
    """The entries of all clients, and what must not have happened."""

    def __init__(self) -> None:
        self._numbers, self._lock = count(1), Lock()
        self.entries: list[Entry] = []
        self.complaints: list[str] = []
        self.seen: Counter[str] = Counter()
        """How often something happened that changes nothing: logins begun, looks at the protected page, repeated requests."""

    def begin(self, user_id: int, act: str) -> Entry:
        """Begin an entry."""
        with self._lock:
            entry = Entry(next(self._numbers), user_id, act)
            self.entries.append(entry)
        return entry

    def count(self, what: str) -> int:
        """Count one more of these, and return how many there are."""
        with self._lock:
            self.seen[what] += 1
            return self.seen[what]

    def complain(self, text: str) -> None:
        """Note what must not have happened."""
        with self._lock:
            self.complaints.append(text)
