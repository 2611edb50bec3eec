"""No cell of an exported file is a formula, whichever sign a spreadsheet takes for the end of a cell."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from allauth_2fa.audit import log
from allauth_2fa.models.audit import AuditEntry

pytestmark = pytest.mark.django_db

SEPARATORS = (";", "\t", "|")


def exported() -> str:
    out = io.StringIO()
    call_command("allauth_2fa_audit", "export", "--format", "csv", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("read_as", SEPARATORS)
def test_no_cell_begins_a_formula_however_the_file_is_cut(read_as):
    for sign in log.FORMULA:
        for between in ("", " ", '"', ' "', "'"):
            made_up = f"x{read_as}{between}{sign}HYPERLINK(1)"
            AuditEntry.objects.create(event="device_renamed", device=made_up, user_label=made_up, facts={"was": made_up})
    cut = [cell.lstrip(' "') for line in exported().splitlines() for cell in line.split(read_as)]
    assert len(cut) > 3 * len(log.FORMULA) * 5
    assert [cell for cell in cut if cell.startswith(log.FORMULA)] == []


def test_what_begins_no_formula_is_left_alone():
    AuditEntry.objects.create(event="device_renamed", device="a;b - c|d =e", facts={})
    assert "a;b - c|d =e" in exported()
