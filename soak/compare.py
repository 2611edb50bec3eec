"""The end: the database against the ledger, row by row."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.contrib.sessions.models import Session
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.budget.budget import unpack
from allauth_2fa.models import Browser, RecoveryCode, RecoveryDevice, normalize_recovery_code
from allauth_2fa.models.audit import AuditEntry
from soak.expected import TOLD, stored_last
from soak.ledger import DIED
from soak.people import Budget
from soak.settings import MOST_A_DAY, MOST_UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soak.ledger import Entry, Ledger
    from soak.people import Person


def differences(ledger: Ledger, people: list[Person]) -> Iterator[str]:
    """Yield in words where the database does not say what the clients saw."""
    yield from _audit_log(ledger.entries)
    yield from _mails(ledger.entries, people)
    yield from _devices(people)
    yield from _recovery_codes(people)
    yield from _budgets(people)
    yield from _sessions(ledger)


def _audit_log(entries: list[Entry]) -> Iterator[str]:
    found: dict[str, Counter[str]] = {}
    for agent, event in AuditEntry.objects.exclude(event=TOLD).values_list("user_agent", "event"):
        found.setdefault(agent, Counter())[event] += 1
    for entry in entries:
        stored = found.pop(entry.user_agent, Counter())
        if stored != entry.events:
            yield f"audit log: {entry.act} of user {entry.user_id}, {entry.outcome}: {dict(stored)} instead of {dict(entry.events)}"
    for agent, events in found.items():
        yield f"audit log: {dict(events)} by {agent!r}, which nobody has sent"


def _mails(entries: list[Entry], people: list[Person]) -> Iterator[str]:
    """Of wrong codes the owner is told once in six hours. A process that was killed may have taken the mail along."""
    told = Counter(AuditEntry.objects.filter(event=TOLD).values_list("user_id", flat=True))
    refused = {entry.user_id for entry in entries if entry.events["challenge_refused"]}
    died = {entry.user_id for entry in entries if entry.outcome == DIED}
    for person in people:
        number, is_due = told[person.user_id], person.user_id in refused
        if number != is_due and not (is_due and number == 0 and person.user_id in died):
            yield f"audit log: {person.name} was told {number} times of wrong codes"


def _devices(people: list[Person]) -> Iterator[str]:
    for person in people:
        held = {
            *(
                (f"otp_totp.totpdevice/{pk}")
                for pk in TOTPDevice.objects.filter(user_id=person.user_id, confirmed=True).values_list("pk", flat=True)
            ),
            *((f"otp_hotp.hotpdevice/{pk}") for pk in HOTPDevice.objects.filter(user_id=person.user_id).values_list("pk", flat=True)),
        }
        reckoned = {app.persistent_id for app in person.apps}
        if held != reckoned:
            yield f"devices: {person.name} holds {held} instead of {reckoned}"
        for app in person.apps:
            if (last := stored_last(app)) != app.last:
                yield f"devices: the last code of {app.persistent_id} is {last} instead of {app.last}"


def _recovery_codes(people: list[Person]) -> Iterator[str]:
    salts = dict(RecoveryDevice.objects.values_list("pk", "salt"))
    sample = RecoveryDevice(iterations=1)
    spent: dict[int, set[str]] = {}
    for pk, digest in RecoveryCode.objects.filter(used_at__isnull=False).values_list("device_id", "digest"):
        spent.setdefault(pk, set()).add(digest)
    for person in people:
        sample.salt = salts[person.recovery_id]
        reckoned = {sample.digest(normalize_recovery_code(code)) for code in person.spent}
        if spent.get(person.recovery_id, set()) != reckoned:
            yield f"recovery codes: {person.name} has spent {len(spent.get(person.recovery_id, ()))} instead of {len(reckoned)}, or others"


def _budgets(people: list[Person]) -> Iterator[str]:
    stored: dict[int, dict[str, Budget]] = {}
    for user_id, digest, failures, in_a_row in Browser.all_rows.values_list("user_id", "digest", "failures", "in_a_row"):
        listed = unpack(failures)
        stored.setdefault(user_id, {})[digest] = Budget(digest, len(listed), in_a_row)
        if any(later.at - earlier.at < 5000 for earlier, later in zip(listed, listed[4:], strict=False)):  # noqa: PLR2004 - 4/5s
            yield f"budgets: more than four wrong codes of user {user_id} were judged within five seconds"
    for person in people:
        rows = stored.get(person.user_id, {})
        for budget in (person.others, *person.known.values()):
            yield from _budget(person, budget, rows.pop(budget.digest, Budget(budget.digest)))
        reckoned = Counter((budget.failures, budget.in_a_row) for budget in person.lost)
        left = Counter((budget.failures, budget.in_a_row) for budget in rows.values())
        if left != reckoned:
            yield f"budgets: {person.name} has other browsers with {dict(left)} instead of {dict(reckoned)}"


def _budget(person: Person, reckoned: Budget, stored: Budget) -> Iterator[str]:
    most = MOST_A_DAY if reckoned.digest else MOST_UNKNOWN
    # Nobody asks how often in a row it was in all unknown browsers together.
    rows = (reckoned.in_a_row, stored.in_a_row) if reckoned.digest else (0, 0)
    if stored.failures != min(reckoned.failures, most) or rows[0] != rows[1]:
        yield f"budgets: {person.name} has {stored} instead of {reckoned}"


def _sessions(ledger: Ledger) -> Iterator[str]:
    """No more sessions are logged in than answers were accepted, by clients or in requests that died."""
    accepted = sum(entry.events["challenge_passed"] for entry in ledger.entries)
    inside = sum("_auth_user_id" in session.get_decoded() for session in Session.objects.iterator())
    if inside > accepted:
        yield f"sessions: {inside} are logged in, and {accepted} answers were accepted"
