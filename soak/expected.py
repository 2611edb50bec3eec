"""What can be posted, what it does when it is accepted, and what became of it where the connection died.

A killed process leaves of a request nothing, or all, or, where a site does not make each request one transaction, a part.
Whatever it is has to be on the safe side: nothing stands in the audit log that has not happened, no accepted code can be used
again, and no wrong code is told as judged that is missing in the budget.
"""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.budget.budget import unpack
from allauth_2fa.models import Browser, RecoveryCode, RecoveryDevice, normalize_recovery_code
from allauth_2fa.models.audit import AuditEntry
from soak.people import App, Budget

if TYPE_CHECKING:
    from soak.ledger import Entry, Ledger
    from soak.people import Person

TOLD = "owner_told"


class Act:
    """Something that is posted."""

    name = ""
    is_guess = False
    """Whether a wrong one is taken out of a budget."""
    is_change = False
    """Whether it is done inside, and not to get in."""
    opens = False
    """Whether it opens a lock."""
    leads_to: str | None = None
    fields: dict[str, str]

    def accept(self, person: Person) -> Counter[str]:
        """Reckon with its having been accepted, and return what the audit log has to say of that."""
        raise NotImplementedError

    def is_done(self, person: Person) -> bool | None:
        """Return whether the database says that it was accepted, None for what must not be."""
        raise NotImplementedError


@dataclass
class Code(Act):
    """The right code of a device."""

    app: App
    at: int
    is_guess = True

    def __post_init__(self) -> None:
        self.name = "app" if self.app.kind == "totp" else "token"
        self.fields = {"otp_token": self.app.code(self.at), "device": self.app.persistent_id}

    def accept(self, person: Person) -> Counter[str]:
        self.app.last = self.at
        return Counter(["challenge_passed"])

    def is_done(self, person: Person) -> bool | None:
        return stored_last(self.app) == self.at


class Replay(Code):
    """A code that was right once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name = f"used code of an {self.name}" if self.name == "app" else f"used code of a {self.name}"

    def accept(self, person: Person) -> Counter[str]:
        return Counter(["a used code was accepted"])

    def is_done(self, person: Person) -> None:
        return None


@dataclass
class WrongCode(Act):
    """Digits that are no code of the device."""

    app: App
    name = "wrong code"
    is_guess = True

    def __post_init__(self) -> None:
        self.fields = {"otp_token": self.app.wrong_code(), "device": self.app.persistent_id}

    def accept(self, person: Person) -> Counter[str]:
        return Counter(["a wrong code was accepted"])

    def is_done(self, person: Person) -> None:
        return None


@dataclass
class Recovery(Act):
    """A recovery code, spent or not."""

    code: str
    name = "recovery code"
    opens = True

    def __post_init__(self) -> None:
        self.fields = {"otp_token": self.code}

    def accept(self, person: Person) -> Counter[str]:
        if self.code not in person.codes:
            return Counter(["a spent or wrong recovery code was accepted"])
        person.codes.remove(self.code)
        person.spent.append(self.code)
        return Counter(["recovery_code_used", "challenge_passed"])

    def is_done(self, person: Person) -> bool | None:
        return is_spent(person, self.code) if self.code in person.codes else None


class Added(Act):
    """The first code of another app."""

    name = "added"
    is_change = True
    leads_to = "/accounts/two-factor/factors/"

    def __init__(self, secret: str) -> None:
        self.key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        self.app = App("totp", 0, self.key)
        self.at = self.app.next() or 0
        self.code = self.app.code(self.at)

    def accept(self, person: Person) -> Counter[str]:
        self.app.pk = TOTPDevice.objects.filter(user_id=person.user_id, key=self.key.hex()).values_list("pk", flat=True).get()
        self.app.last = self.at
        person.apps.append(self.app)
        return Counter(["device_added"])

    def is_done(self, person: Person) -> bool:
        return TOTPDevice.objects.filter(user_id=person.user_id, key=self.key.hex(), confirmed=True).exists()


@dataclass
class Removed(Act):
    """The removal of a device."""

    app: App
    name = "removed"
    is_change = True
    leads_to = "/accounts/two-factor/factors/"

    def accept(self, person: Person) -> Counter[str]:
        person.apps.remove(self.app)
        return Counter(["device_removed"])

    def is_done(self, person: Person) -> bool:
        return stored_last(self.app) is None


# What the database says


def stored_last(app: App) -> int | None:
    """Return the last step or number that the device has accepted, None if it is not there."""
    if app.kind == "totp":
        return TOTPDevice.objects.filter(pk=app.pk, confirmed=True).values_list("last_t", flat=True).first()
    counter = HOTPDevice.objects.filter(pk=app.pk, confirmed=True).values_list("counter", flat=True).first()
    return None if counter is None else counter - 1


def is_spent(person: Person, code: str) -> bool:
    """Return whether the recovery code has been used."""
    digest = RecoveryDevice.objects.get(pk=person.recovery_id).digest(normalize_recovery_code(code))
    return RecoveryCode.objects.filter(device_id=person.recovery_id, digest=digest, used_at__isnull=False).exists()


def said(entry: Entry) -> Counter[str]:
    """Return what the audit log says of the request. How often its owner is mailed is another matter."""
    rows = AuditEntry.objects.filter(user_agent=entry.user_agent).exclude(event=TOLD)
    return Counter(rows.values_list("event", flat=True))


def stored_budgets(user_id: int) -> dict[str, Budget]:
    """Return the budgets of the user, by digest."""
    rows = Browser.all_rows.filter(user_id=user_id).values_list("digest", "failures", "in_a_row")
    return {digest: Budget(digest, len(unpack(failures)), in_a_row) for digest, failures, in_a_row in rows}


# What became of it


def judge(entry: Entry, person: Person, budget: Budget, act: Act, ledger: Ledger) -> None:
    """Find out in the database what happened to a request after its connection died, judge that, and count it.

    Args:
        entry: the request.
        person: who has sent it.
        budget: what wrong codes in that browser are taken from.
        act: what was posted.
        ledger: where complaints go.
    """
    entry.events, is_done, was_locked = said(entry), bool(act.is_done(person)), budget.is_locked
    entered, failed = _browsers_without_a_client(person), _counted(person)
    expected = Counter[str]()
    if is_done:
        expected = act.accept(person)
        if act.opens and was_locked:
            expected["unlocked"] += 1
            budget.failures *= "unlocked" not in entry.events and budget not in person.lost
        is_whole = entry.events == expected and (entered or act.is_change)
    elif entry.events["challenge_refused"]:
        expected = Counter(["challenge_refused", *(["locked"] if failed and budget.is_locked else [])])
        is_whole = entry.events == expected and (failed == 1 or not isinstance(act, WrongCode))
    else:
        is_whole = not (entry.events or entered or failed)
    entry.done = "partly" if not is_whole else "all" if expected else "nothing"
    if reason := _unsafe(entry, act, is_done=is_done, failed=failed) or _not_whole(entry, act):
        ledger.complain(f"{act.name} of {person.name} in a request that died: {reason}: {dict(entry.events)} of {dict(expected)}")


def _unsafe(entry: Entry, act: Act, *, is_done: bool, failed: int) -> str:
    """Return what no site can live with, empty if there is nothing."""
    if not is_done and {"challenge_passed", "recovery_code_used", "device_added", "device_removed"} & set(entry.events):
        return "the audit log tells of an answer that was not used up"
    if entry.events["challenge_refused"] and isinstance(act, WrongCode) and failed != 1:
        return "the audit log tells of a wrong code that the budget has not counted"
    return f"{failed} wrong codes were counted for one" if failed > 1 else ""


def _not_whole(entry: Entry, act: Act) -> str:
    is_atomic = act.is_change or settings.DATABASES["default"]["ATOMIC_REQUESTS"]
    return "it was done in part" if entry.done == "partly" and is_atomic else ""


def _browsers_without_a_client(person: Person) -> bool:
    """Reckon with browsers that the site knows by values that no client has, and return whether there is a new one."""
    stored = stored_budgets(person.user_id)
    gone = [digest for digest in person.known if digest not in stored]
    new = len(stored.keys() - {""}) - len(person.known) - len(person.lost)
    for digest in gone:
        # It was renewed, and nobody has the new value.
        budget = person.known.pop(digest)
        budget.in_a_row = 0
        person.lost.append(budget)
    person.lost.extend(Budget("lost") for _ in range(new))
    return bool(gone or new)


def _counted(person: Person) -> int:
    """Reckon with what has been counted besides, and return how much that is: less than nothing where a lock was opened."""
    stored, more = stored_budgets(person.user_id), 0
    for budget in (person.others, *person.known.values()):
        now = stored.get(budget.digest, Budget(budget.digest))
        more += now.failures - budget.failures
        budget.failures, budget.in_a_row = now.failures, now.in_a_row
    return more
