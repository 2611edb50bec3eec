"""The rows: added, never changed; on one line, and cut; there when the account is gone."""

from __future__ import annotations

import pytest
from django.db import models, transaction
from django.test import RequestFactory

from allauth_2fa.audit import events, log
from allauth_2fa.exceptions import AppendOnly
from allauth_2fa.models.audit import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(alice, phone):
    events.announce("device_added", alice, device=phone, factor="totp")
    return AuditEntry.objects.get()


def test_an_entry_is_neither_changed_nor_deleted(row):
    row.event = "nothing"
    everything = AuditEntry.objects.all()
    for change in (
        row.save,
        row.delete,
        lambda: row.save(force_update=True),
        lambda: row.save(update_fields=["event"]),
        everything.delete,
        lambda: everything.update(event="nothing"),
        lambda: AuditEntry.objects.update(event="nothing"),
        lambda: AuditEntry.objects.bulk_update([row], ["event"]),
        lambda: AuditEntry.objects.update_or_create(pk=row.pk, defaults={"event": "nothing"}),
        lambda: AuditEntry.objects.bulk_create([row], update_conflicts=True, update_fields=["event"], unique_fields=["id"]),
    ):
        with pytest.raises(AppendOnly), transaction.atomic():
            change()
    assert AuditEntry.objects.get().event == "device_added"


@pytest.mark.django_db(transaction=True)
def test_a_row_is_not_written_over_by_one_of_the_same_key(row):
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        AuditEntry(pk=row.pk, event="nothing").save()
    assert AuditEntry.objects.get().event == "device_added"


def test_rows_can_be_added_in_bulk_as_a_restore_does(row):
    AuditEntry.objects.bulk_create([AuditEntry(event="device_added"), AuditEntry(event="device_removed")])
    assert AuditEntry.objects.count() == 3


def test_an_entry_outlives_the_account_and_names_its_owner(row, alice, staff):
    events.announce("two_factor_off", alice, actor=staff)
    staff.delete()
    alice.delete()
    added, off = AuditEntry.objects.order_by("pk")
    assert (added.user, added.actor, added.user_label, added.actor_label) == (None, None, "alice", "alice")
    assert (off.user, off.actor, off.user_label, off.actor_label) == (None, None, "alice", "staff")


def test_an_account_of_the_same_name_inherits_nothing(row, alice, django_user_model):
    alice.delete()
    assert log.recent(django_user_model.objects.create_user("alice"), 10) == []


@pytest.mark.django_db(transaction=True)
def test_an_account_that_goes_in_the_middle_breaks_nothing(alice, phone, django_user_model):
    django_user_model.objects.get(pk=alice.pk).delete()
    events.announce("challenge_refused", alice, factor="totp", reason="refused")
    row = AuditEntry.objects.get(event="challenge_refused")
    assert row.user_label == "alice"
    assert row.user_id == alice.pk


# Text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain", "plain"),
        ("one\r\nERROR two_factor_off user=1", "one ERROR two_factor_off user=1"),
        ("a\x00b\x1b[31mc\x7f\x85d\u2028e\u2029f", "a b [31mc d e f"),
        ("abc\u202egnp.exe\u2066x", "abc gnp.exe x"),
        ("\ud800broken", "broken"),
        ("  a   b  ", "a b"),
        ("x" * 500, "x" * 200),
        ("Zoë's \N{MOBILE PHONE}", "Zoë's \N{MOBILE PHONE}"),
    ],
)
def test_text_is_kept_on_one_line_and_cut(given, kept):
    assert log.clean(given) == kept


def test_a_user_agent_forges_no_line(alice):
    request = RequestFactory().get("/", headers={"user-agent": "Mozilla\r\nFrom: root\x00" + "x" * 500})
    events.announce("two_factor_off", alice, request=request)
    row = AuditEntry.objects.get()
    assert row.user_agent.startswith("Mozilla From: root x")
    assert len(row.user_agent) == 200


@pytest.mark.parametrize(
    ("setting", "meta"),
    [({}, {"REMOTE_ADDR": ""}), ({"ALLAUTH_TRUSTED_PROXY_COUNT": 3}, {"HTTP_X_FORWARDED_FOR": "203.0.113.7"})],
)
def test_a_request_without_an_address_is_logged_without_one(alice, settings, setting, meta):
    for name, value in setting.items():
        setattr(settings, name, value)
    events.announce("two_factor_off", alice, request=RequestFactory().get("/", **meta))
    assert AuditEntry.objects.get().address == ""


def test_the_address_is_the_one_that_the_adapter_finds_behind_a_proxy(alice, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    events.announce("two_factor_off", alice, request=RequestFactory().get("/", HTTP_X_FORWARDED_FOR="198.51.100.9, 203.0.113.7"))
    assert AuditEntry.objects.get().address == "203.0.113.7"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
            "Chrome on Windows",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.0", ""),
        ("Your account is at risk, call 555 or see evil.example", ""),
        ("", ""),
    ],
)
def test_a_browser_is_told_by_known_names_alone(user_agent, name):
    assert log.browser(user_agent) == name


def test_the_keys_of_users_are_no_constraints_of_the_database():
    keys = [field for field in AuditEntry._meta.get_fields() if isinstance(field, models.ForeignKey)]
    assert [field.db_constraint for field in keys] == [False, False]
