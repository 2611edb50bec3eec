"""What is done on the pages and in the admin is in the audit log, with who did it, to what, and from where."""

from __future__ import annotations

import pytest
import time_machine
from django.contrib import admin
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.admin import DeviceAdmin
from allauth_2fa.audit import events
from allauth_2fa.factors import registry
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in, wrong_code_of

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def only():
    """Return the one row."""
    return AuditEntry.objects.get()


def test_a_login_is_logged_with_its_address(client, alice, phone):
    give_password(client, alice)
    client.post(
        reverse("two-factor-authenticate"), {"otp_token": code_of(phone)}, headers={"user-agent": FIREFOX}, REMOTE_ADDR="203.0.113.7"
    )
    row = only()
    assert (row.event, row.user, row.actor, row.user_label, row.device) == ("challenge_passed", alice, alice, "alice", "Work phone")
    assert (row.address, row.user_agent, row.facts) == ("203.0.113.7", FIREFOX, {"factor": "totp"})
    assert str(row) == "challenge_passed alice"


def test_a_wrong_code_is_logged_and_a_login_without_a_factor_is_not(client, alice, bob, phone, logged):
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    assert only().facts == {"factor": "totp", "reason": "refused"}
    client.logout()
    give_password(client, bob)
    assert logged() == [("challenge_refused", "alice")]


def test_tries_that_came_too_early_to_be_looked_at_are_not_noted(client, alice, phone, logged):
    with time_machine.travel(timezone.now(), tick=False):
        give_password(client, alice)
        for _ in range(5):
            give_answer(client, wrong_code_of(phone))
    assert logged() == [("challenge_refused", "alice")]


def test_a_refusal_that_no_device_judged_is_logged_without_one(client, alice, phone):
    give_password(client, alice)
    give_answer(client, "WRNG-WRNG-WRNG-WRNG")
    assert (only().device, only().facts) == ("", {"factor": "", "reason": "refused"})


@pytest.mark.parametrize("make", ["hashed", "readable"])
def test_a_login_by_recovery_code_is_logged_twice_as_a_login_and_as_a_code_that_is_gone(client, alice, phone, logged, make):
    codes = registry.recovery.renew(alice, 3) if make == "hashed" else [token.token for token in registry.static.renew(alice, 3)]
    give_password(client, alice)
    give_answer(client, codes[0])
    assert is_logged_in(client)
    assert logged() == [("recovery_code_used", "alice"), ("challenge_passed", "alice")]
    assert AuditEntry.objects.get(event="recovery_code_used").facts == {"left": "2"}


def test_setting_up_and_the_first_codes_are_logged_with_the_name_that_was_typed(client, alice, logged):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get()
    client.post(reverse("two-factor-setup"), {"otp_token": wrong_code_of(device), "name": "Phone"})
    assert logged() == []
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(device), "name": "Phone"}, follow=True)
    assert logged() == [("device_added", "alice"), ("sessions_ended", "alice"), ("recovery_codes_made", "alice")]
    added, _ended, made = AuditEntry.objects.order_by("pk")
    assert (added.device, added.facts, made.facts) == ("Phone", {"factor": "totp"}, {"number": "10"})


def test_readable_codes_are_logged_by_their_number_alone(client, alice, phone, settings):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-backup-tokens"))
    assert (only().event, only().facts) == ("recovery_codes_made", {"number": "10"})


def test_replacing_a_device_logs_both(client, alice, phone, logged):
    login_verified(client, alice, phone)
    add = f"{reverse('two-factor-add', args=['totp'])}?replaces={phone.persistent_id}"
    client.get(add)
    client.post(add, {"otp_token": code_of(TOTPDevice.objects.get(confirmed=False)), "name": "Tablet"})
    assert logged() == [("device_added", "alice"), ("device_removed", "alice")]
    assert list(AuditEntry.objects.order_by("pk").values_list("device", flat=True)) == ["Tablet", "Work phone"]


def test_a_device_that_is_renamed_is_logged_with_its_old_name(client, alice, phone):
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-rename", args=[phone.persistent_id]), {"name": "Old phone"})
    assert (only().event, only().device, only().facts) == ("device_renamed", "Old phone", {"factor": "totp", "was": "Work phone"})


def test_a_device_that_is_removed_is_logged_and_the_last_one_turns_everything_off(client, alice, phone, logged):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-remove-device", args=[tablet.persistent_id]))
    client.post(reverse("two-factor-remove-device", args=[phone.persistent_id]))
    assert logged() == [("device_removed", "alice")]
    client.post(reverse("two-factor-remove"), {"otp_token": code_of(phone)})
    assert logged()[1:] == [("two_factor_off", "alice"), ("sessions_ended", "alice")]


def test_a_reauthentication_is_logged(client, alice, phone, logged):
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-reauthenticate"), {"otp_token": code_of(phone)})
    assert logged() == [("reauthenticated", "alice")]
    assert only().facts == {"factor": "totp"}


def test_an_audit_entry_costs_one_insert(client, alice, phone):
    give_password(client, alice)
    with CaptureQueriesContext(connection) as queries:
        give_answer(client, code_of(phone))
    of_the_audit_log = [query["sql"] for query in queries if AuditEntry._meta.db_table in query["sql"]]
    assert [sql.split()[0] for sql in of_the_audit_log] == ["INSERT"]


# The admin


@pytest.fixture
def support(client, staff):
    """A session of staff in the admin."""
    login_verified(client, staff, TOTPDevice.objects.create(user=staff, name="Staff phone"))
    return client


def test_staff_who_rename_a_device_are_logged_and_write_nothing_else(support, alice, phone, staff):
    TOTPDevice.objects.filter(pk=phone.pk).update(last_t=5)
    support.post(f"/admin/otp_totp/totpdevice/{phone.pk}/change/", {"name": "Renamed"})
    row = only()
    assert (row.event, row.user, row.actor, row.device, row.facts["was"]) == ("device_renamed", alice, staff, "Renamed", "Work phone")
    phone.refresh_from_db()
    assert (phone.name, phone.last_t) == ("Renamed", 5)


def test_saving_a_device_without_a_change_is_no_event(support, phone, logged):
    support.post(f"/admin/otp_totp/totpdevice/{phone.pk}/change/", {"name": phone.name})
    assert logged() == []


def test_a_page_of_the_projects_own_writes_what_was_changed_and_no_more(rf, alice, phone, staff, logged):
    class Wider(DeviceAdmin):
        readonly_fields = ["user"]
        fields = ["user", "name", "confirmed"]

    page = Wider(TOTPDevice, admin.site)
    request = rf.post("/")
    request.user = staff
    stale = TOTPDevice.objects.get(pk=phone.pk)
    TOTPDevice.objects.filter(pk=phone.pk).update(last_t=5)
    form = page.get_form(request, stale)({"name": phone.name}, instance=stale)
    page.save_model(request, form.save(commit=False), form, change=True)
    phone.refresh_from_db()
    assert (phone.confirmed, phone.last_t, phone.name, logged()) == (False, 5, "Work phone", [])


def test_staff_who_delete_the_last_device_turn_everything_off(support, alice, phone, logged, staff):
    support.post(f"/admin/otp_totp/totpdevice/{phone.pk}/delete/", {"post": "yes"})
    assert logged() == [("device_removed", "alice"), ("two_factor_off", "alice"), ("sessions_ended", "alice")]
    assert {row.actor for row in AuditEntry.objects.all()} == {staff}


def test_staff_who_delete_several_devices_are_logged_for_each(support, alice, phone, logged):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    waiting = TOTPDevice.objects.create(user=alice, name="Waiting", confirmed=False)
    keys = [str(phone.pk), str(tablet.pk), str(waiting.pk)]
    support.post("/admin/otp_totp/totpdevice/", {"action": "delete_selected", "_selected_action": keys, "post": "yes"})
    assert sorted(logged()) == [(event, "alice") for event in ("device_removed", "device_removed", "sessions_ended", "two_factor_off")]
    assert not TOTPDevice.objects.filter(user=alice).exists()


def test_staff_who_delete_recovery_codes_leave_the_rest_on(support, alice, phone, logged):
    registry.recovery.renew(alice, 3)
    registry.static.renew(alice, 3)
    static = StaticDevice.objects.get()
    support.post(f"/admin/otp_static/staticdevice/{static.pk}/delete/", {"post": "yes"})
    assert logged() == [("device_removed", "alice")]
    assert only().facts == {"factor": "static"}


def test_a_device_that_waits_to_be_confirmed_is_renamed_without_a_word(support, alice, logged):
    waiting = TOTPDevice.objects.create(user=alice, name="Waiting", confirmed=False)
    support.post(f"/admin/otp_totp/totpdevice/{waiting.pk}/change/", {"name": "Renamed"})
    waiting.refresh_from_db()
    assert (waiting.name, logged()) == ("Renamed", [])


# What is rolled back, and what is not


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_row(alice, phone, logged):
    def do():
        events.announce("device_removed", alice, device=phone, factor="totp")
        assert logged() == [("device_removed", "alice")]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        do()
    assert logged() == []


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_logged_where_every_request_is_a_transaction(client, alice, phone, logged, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)  # noqa: FBT003 - a setting
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    assert logged()[0] == ("challenge_refused", "alice")
