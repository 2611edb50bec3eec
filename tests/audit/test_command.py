"""The command: the audit log handed over, and pruned."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from allauth_2fa.audit import events, log
from allauth_2fa.models.audit import AuditEntry

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("allauth_2fa_audit", *arguments, stdout=out)
    return out.getvalue()


def lines(*arguments: str):
    return [json.loads(line) for line in run("export", *arguments).splitlines()]


def add(number: int, *, days: int = 0, event: str = "two_factor_off", **columns: object) -> None:
    at = timezone.now() - timedelta(days=days)
    AuditEntry.objects.bulk_create([AuditEntry(event=event, at=at, **columns) for _ in range(number)])


def test_a_row_is_a_line_of_json(alice, staff, phone, rf):
    request = rf.get("/", headers={"user-agent": "Zoë's browser"}, REMOTE_ADDR="203.0.113.7")
    events.announce("device_renamed", alice, request=request, actor=staff, device=phone, factor="totp", was="Old")
    (row,) = lines()
    assert list(row) == list(log.COLUMNS)
    assert row == {
        "id": AuditEntry.objects.get().pk,
        "at": AuditEntry.objects.get().at.isoformat(),
        "event": "device_renamed",
        "user_id": alice.pk,
        "user_label": "alice",
        "actor_id": staff.pk,
        "actor_label": "staff",
        "device": "Work phone",
        "address": "203.0.113.7",
        "user_agent": "Zoë's browser",
        "facts": {"factor": "totp", "was": "Old"},
    }
    assert run("export").isascii()


def test_a_key_that_is_no_number_is_a_text():
    assert log._plain("0b9f") == "0b9f"
    assert log._plain(None) is None


def test_csv_has_a_head_and_the_same_columns(alice):
    events.announce("recovery_code_used", alice, left=2)
    (row,) = csv.DictReader(io.StringIO(run("export", "--format", "csv")))
    assert list(row) == list(log.COLUMNS)
    assert (row["user_label"], json.loads(row["facts"])) == ("alice", {"left": "2"})


@pytest.mark.parametrize("sign", [*"=+-@", "\N{FULLWIDTH EQUALS SIGN}"])
def test_no_cell_is_computed_by_a_spreadsheet(sign):
    formula = f"{sign}HYPERLINK(1)"
    add(1, user_label=formula, actor_label=formula, device=formula, address=formula, user_agent=formula, facts={"was": formula})
    (row,) = csv.DictReader(io.StringIO(run("export", "--format", "csv")))
    assert not [cell for cell in row.values() if cell.startswith(sign)]
    assert row["user_label"] == f"'{formula}"


def test_rows_are_chosen_by_moment_and_event():
    add(1, days=10, event="device_added")
    add(1, days=1, event="device_added")
    add(1, days=1, event="two_factor_off")
    assert len(lines()) == 3
    assert len(lines("--since", "2d")) == 2
    assert len(lines("--since", "30h", "--event", "two_factor_off")) == 1
    assert len(lines("--event", "two_factor_off", "--event", "device_added")) == 3
    day = (timezone.now() - timedelta(days=5)).date().isoformat()
    assert len(lines("--since", day)) == 2
    assert len(lines("--since", f"{day}T00:00:00Z")) == 2
    assert len(lines("--since", f"{day}T00:00:00")) == 2


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-01-01T25:00:00Z", "5y", "d", "999999w", "-1d"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(CommandError, match="is not a time"):
        run("prune", f"--older-than={text}")


def test_rows_that_come_while_it_exports_are_left_for_the_next_time():
    add(7)
    exported = log.rows(batch_size=3)
    seen = [next(exported)["id"]]
    for row in exported:
        seen.append(row["id"])
        if len(seen) < 50:
            add(5)
    assert len(seen) == len(set(seen)) == 7


def test_rows_that_are_pruned_while_it_exports_are_missed_and_the_others_are_not():
    add(4, days=10)
    add(4)
    exported = log.rows(batch_size=2)
    seen = [next(exported)["id"]]
    assert sum(log.prune(timezone.now() - timedelta(days=5))) == 4
    seen += [row["id"] for row in exported]
    assert len(seen) == len(set(seen)) == 2 + 4


def test_an_export_of_many_rows_needs_no_more_memory_than_one_of_few():
    def peak() -> int:
        tracemalloc.start()
        number = sum(1 for _line in log.as_csv(log.rows()))
        (_now, most), _ = tracemalloc.get_traced_memory(), tracemalloc.stop()
        assert number == AuditEntry.objects.count() + 1
        return most

    add(3000, user_agent="x" * 200)
    peak()
    few = peak()
    add(17000, user_agent="x" * 200)
    assert peak() < few * 1.3


def test_an_export_asks_by_the_page():
    add(2500)
    with CaptureQueriesContext(connection) as queries:
        run("export")
    assert len(queries) <= 6


# Pruning


def test_pruning_takes_old_rows_in_batches_and_nothing_else():
    add(25, days=100)
    add(3, days=10)
    assert run("prune", "--older-than", "90d", "--dry-run").startswith("Would delete 25 rows older than ")
    assert AuditEntry.objects.count() == 28
    assert run("prune", "--older-than", "90d", "--batch-size", "10").startswith("Deleted 25 rows older than ")
    assert AuditEntry.objects.count() == 3


def test_pruning_can_have_a_time_of_its_own_for_an_event():
    add(2, days=100, event="challenge_passed")
    add(2, days=100, event="device_added")
    run("prune", "--older-than", "90d", "--event", "challenge_passed")
    assert set(AuditEntry.objects.values_list("event", flat=True)) == {"device_added"}


def test_pruning_asks_for_a_moment_in_the_past_and_a_batch():
    add(1)
    with pytest.raises(CommandError, match="must be in the past"):
        run("prune", "--older-than", "2999-01-01")
    with pytest.raises(CommandError, match="must be 1 or more"):
        run("prune", "--older-than", "0d", "--batch-size", "0")
    with pytest.raises(CommandError, match="--older-than"):
        run("prune")
    assert AuditEntry.objects.count() == 1
