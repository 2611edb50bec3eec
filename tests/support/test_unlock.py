"""Support opens locks: by a command and in the admin, for users who cannot do it themselves."""

from __future__ import annotations

import json
import time
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import support
from allauth_2fa.budget import charging, locks, stored
from allauth_2fa.budget.budget import Budget, Failure, pack
from allauth_2fa.models import Browser, Lock, RecoveryDevice
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db

LOCKS = "/admin/allauth_2fa/lock/"

HOUR = 3600 * 1000


def failures(number, weight=1):
    """Wrong codes of the last weeks, the last of them two days ago: the short windows have room."""
    now = int(time.time() * 1000)
    return pack(Failure(now - (48 + 6 * before) * HOUR, weight) for before in range(number - 1, -1, -1))


def lock_new(user, number=33, weight=1):
    Browser.all_rows.update_or_create(user=user, digest=Browser.OTHERS, defaults={"failures": failures(number, weight)})


def lock_known(user, name="Firefox on Linux"):
    return Browser.objects.create(user=user, digest=f"{name:x<64}", name=name, failures=failures(2), in_a_row=100)


def run(command, *arguments, **options):
    out = StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def unlocked():
    rows = AuditEntry.objects.filter(event="unlocked").order_by("pk")
    return [(row.user_label, row.actor_label, row.facts["how"], row.facts["reason"]) for row in rows]


def answer_of(user, device):
    client = Client()
    give_password(client, user)
    give_answer(client, code_of(device))
    return is_logged_in(client)


# The command


def test_the_right_code_logs_in_after_support_opened_the_lock(alice, phone, django_capture_on_commit_callbacks):
    lock_new(alice)
    lock_known(alice)
    client = Client()
    give_password(client, alice)
    page = give_answer(client, code_of(phone))
    assert not is_logged_in(client)
    assert [error.code for error in page.context["form"].errors.as_data()["otp_token"]] == ["locked"]
    with django_capture_on_commit_callbacks(execute=True):
        said = run("allauth_2fa_unlock", "alice", reason="on the phone")
    assert "new browsers" in said
    assert "Firefox on Linux" in said
    assert unlocked() == [("alice", "console", "command", "on the phone")]
    assert not charging.locked(alice)
    # The login that was stopped goes on.
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_a_known_browser_enters_again_too(client, alice, phone):
    give_password(client, alice)
    give_answer(client, code_of(phone))
    TOTPDevice.objects.update(last_t=-1)
    Browser.objects.update(in_a_row=100)
    client.cookies.pop("sessionid")
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert not is_logged_in(client)
    run("allauth_2fa_unlock", "alice", reason="on the phone")
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_the_owner_is_told_by_mail(alice, phone, django_capture_on_commit_callbacks):
    lock_new(alice)
    with django_capture_on_commit_callbacks(execute=True):
        run("allauth_2fa_unlock", "alice", reason="a secret between us")
    (message,) = mail.outbox
    assert message.to == ["alice@example.com"]
    assert "Codes were unblocked" in message.body
    assert "the site's support team" in message.body
    assert "a secret between us" not in message.body


def test_where_nothing_is_locked_or_counted_nobody_is_told_anything(alice, phone, django_capture_on_commit_callbacks):
    Browser.objects.create(user=alice, digest="x" * 64, name="Firefox on Linux")
    with django_capture_on_commit_callbacks(execute=True):
        said = run("allauth_2fa_unlock", "alice", reason="on the phone")
    assert "Nothing was changed." in said
    assert not AuditEntry.objects.exists()
    assert not mail.outbox


def test_what_is_counted_without_a_lock_is_forgotten_and_said_to_be_no_lock(alice, phone):
    lock_new(alice, 5)
    assert "'alice' had no blocked codes. The count of wrong codes is reset." in run("allauth_2fa_unlock", "alice", reason="on the phone")
    assert not Browser.all_rows.get().failures
    assert len(unlocked()) == 1


def test_a_device_that_waits_waits_no_longer(alice, phone):
    TOTPDevice.objects.update(throttling_failure_count=30, throttling_failure_timestamp="2026-01-01T00:00:00Z")
    run("allauth_2fa_unlock", "alice", reason="on the phone")
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 0
    assert len(unlocked()) == 1


def test_somebody_else_keeps_their_locks(alice, bob):
    lock_new(alice)
    lock_new(bob)
    run("allauth_2fa_unlock", "alice", reason="on the phone")
    assert charging.locked(bob)


def test_the_command_wants_a_user_and_a_reason(alice):
    lock_new(alice)
    for arguments, reason, says in ((["carol"], "why not", "no user 'carol'"), (["alice"], " ", "must not be empty")):
        with pytest.raises(CommandError, match=says):
            run("allauth_2fa_unlock", *arguments, reason=reason)
    assert charging.locked(alice)


def test_nobody_but_a_superuser_opens_the_lock_of_a_superuser():
    boss, helper = User.objects.create_superuser("boss"), User.objects.create_user("helper", is_staff=True)
    lock_new(boss)
    with pytest.raises(CommandError, match="Only a superuser"):
        run("allauth_2fa_unlock", "boss", "--by", "helper", reason="a whim")
    with pytest.raises(PermissionDenied):
        support.unlock(boss, helper, "a whim", "admin")
    assert charging.locked(boss)
    assert not AuditEntry.objects.exists()


# A lock by answers that are worth more than one guess


def test_a_budget_with_too_little_left_for_a_token_is_locked_and_can_be_opened(alice, phone):
    """A token that looks ahead is worth two guesses: the 33rd is never judged, and its owner has to get out all the same."""
    lock_new(alice, 16, weight=2)
    (budget,) = charging.locked(alice)
    assert (budget.refusal(1), budget.scope) == (None, "new browsers")
    (code,) = RecoveryDevice.renew(alice.pk, 1)
    client = Client()
    give_password(client, alice)
    give_answer(client, code)
    assert is_logged_in(client)
    assert not charging.locked(alice)
    assert AuditEntry.objects.filter(event="unlocked").exists()


# Who is locked


def test_the_locks_of_all_users_are_listed(alice, bob, phone):
    lock_new(alice)
    lock_known(bob)
    lock_new(bob, 20)
    listed = json.loads(run("allauth_2fa_status", "--locked", format="json"))
    assert [(lock["user"], lock["where"], lock["until"] is None) for lock in listed] == [
        ("alice", "new browsers", False),
        ("bob", "Firefox on Linux", True),
    ]
    assert all(lock["since"].endswith("+00:00") for lock in listed)
    text = run("allauth_2fa_status", "--locked")
    assert "Locks: 2." in text
    assert "until unblocked" in text


def test_nobody_is_locked(alice):
    lock_new(alice, 32)
    assert run("allauth_2fa_status", "--locked").strip() == "Locks: 0."
    assert run("allauth_2fa_status", "--locked", format="json").strip() == "[]"


@pytest.mark.parametrize(
    "limits",
    [{}, {"unknown": ["4/2d", "9/30d"], "known": ["3/row"]}, {"unknown": ["5/5m"], "known": ["6/60d"]}, {"unknown": [], "known": []}],
)
@pytest.mark.parametrize("weight", [1, 2, 11])
def test_the_list_finds_exactly_what_is_locked(alice, bob, settings, limits, weight):
    """The database is asked for those that may be locked alone, and must not leave one out."""
    settings.ALLAUTH_2FA_FAILURE_LIMITS = limits
    for user in (alice, bob):
        for number in range(40):
            digest = f"{number:064}" if number or user == bob else Browser.OTHERS
            Browser.all_rows.create(user=user, digest=digest, failures=failures(number, weight), in_a_row=number * 3)
    lock_new(alice, 34, weight)
    rows = Browser.all_rows.values("user_id", *stored.COLUMNS)
    expected = {row["pk"] for row in rows if Budget.of(row.pop("user_id"), row).is_locked}
    assert {row.pk for row, _budget in locks.all_locks()} == expected
    assert bool(expected) == bool(limits != {"unknown": [], "known": []})


# The admin


@pytest.fixture
def helper(client):
    """Somebody of the staff who may open locks and has just answered."""
    staff = User.objects.create_user("staff", "staff@example.com", PASSWORD, is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_lock", "view_totpdevice", "view_browser", "support_unlock"]))
    login_verified(client, staff, TOTPDevice.objects.create(user=staff, name="Staff phone"))
    return client


def act(client, page, rows, **fields):
    return client.post(page, {"action": "unlock_owners", "_selected_action": [row.pk for row in rows], **fields})


def test_the_page_lists_users_with_locked_codes_and_where(helper, alice, bob):
    lock_new(alice)
    known = lock_known(bob)
    lock_new(bob, 7)
    page = helper.get(LOCKS)
    assert [(row.user.username, row.name) for row in page.context["cl"].result_list] == [("bob", "Firefox on Linux"), ("alice", "")]
    assert "new browsers" in page.text
    assert "unblocked by support or the user" in page.text
    assert known.digest not in page.text
    assert [row.user.username for row in helper.get(f"{LOCKS}?q=alice").context["cl"].result_list] == ["alice"]
    assert "Firefox on Linux" in helper.get(f"{LOCKS}{known.pk}/change/").text
    (of_strangers,) = (row for row in page.context["cl"].result_list if row.user == alice)
    assert "new browsers | " in helper.get(f"{LOCKS}{of_strangers.pk}/change/").text


def test_nothing_is_changed_on_the_page_of_locks(client, staff, alice):
    login_verified(client, staff, TOTPDevice.objects.create(user=staff))
    known = lock_known(alice)
    assert client.get(f"{LOCKS}add/").status_code == 403
    assert client.post(f"{LOCKS}{known.pk}/change/", {"name": "Mine"}).status_code == 403
    assert client.post(f"{LOCKS}{known.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get(LOCKS).text
    assert Lock._default_manager.get().name == "Firefox on Linux"


@pytest.mark.parametrize("lookup", ["digest__startswith=x", "trust__startswith=a", "user__password__startswith=p", "failures__contains=1"])
def test_no_question_about_another_column_is_answered(helper, alice, lookup):
    lock_known(alice)
    assert helper.get(f"{LOCKS}?{lookup}").status_code == 400


def test_staff_with_the_permission_open_locks_for_a_reason(helper, alice, phone, django_capture_on_commit_callbacks):
    lock_new(alice)
    lock_known(alice)
    rows = Lock._default_manager.all()
    page = act(helper, LOCKS, rows)
    assert page.context["owners"] == [alice]
    assert act(helper, LOCKS, rows, reason="").context["form"].errors
    assert len(charging.locked(alice)) == 2
    with django_capture_on_commit_callbacks(execute=True):
        response = act(helper, LOCKS, rows, reason="on the phone")
    assert "Codes of alice are unblocked" in helper.get(response.url).text
    assert unlocked() == [("alice", "staff", "admin", "on the phone")]
    (message,) = mail.outbox
    assert message.to == ["alice@example.com"]
    assert answer_of(alice, phone)


def test_locks_are_opened_on_the_pages_of_devices_and_browsers_as_well(helper, alice, bob, phone):
    for user, page, row in ((alice, "/admin/otp_totp/totpdevice/", phone), (bob, "/admin/allauth_2fa/browser/", lock_known(bob))):
        lock_new(user)
        assert act(helper, page, [row], reason="on the phone").status_code == 302
        assert not charging.locked(user)


def test_a_lock_that_is_gone_by_then_is_said_to_be(helper, alice):
    lock_new(alice)
    (row,) = Lock._default_manager.all()
    charging.unlock(alice, "admin")
    response = act(helper, LOCKS, [row], reason="on the phone")
    assert "These locks have already ended." in helper.get(response.url).text
    response = act(helper, "/admin/otp_totp/totpdevice/", [TOTPDevice.objects.create(user=alice)], reason="on the phone")
    assert "Alice has no blocked codes and no counted wrong codes." in helper.get(response.url).text
    assert len(unlocked()) == 1


def test_in_the_admin_the_lock_of_a_superuser_stays(helper):
    boss = User.objects.create_superuser("boss", password=PASSWORD)
    lock_new(boss)
    response = act(helper, LOCKS, Lock._default_manager.all(), reason="a whim")
    assert "Only a superuser can do this to boss." in helper.get(response.url).text
    assert charging.locked(boss)
    assert not unlocked()


def test_a_user_who_may_look_alone_opens_nothing(helper, alice):
    User.objects.get(username="staff").user_permissions.remove(Permission.objects.get(codename="support_unlock"))
    lock_new(alice)
    assert "unlock_owners" not in helper.get(LOCKS).text
    act(helper, LOCKS, Lock._default_manager.all(), reason="a whim")
    assert charging.locked(alice)


def test_a_user_who_may_open_locks_may_do_nothing_else(helper, alice, phone):
    lock_new(alice)
    for page in (LOCKS, "/admin/otp_totp/totpdevice/", "/admin/allauth_2fa/browser/"):
        assert "issue_codes" not in helper.get(page).text
        assert "reset_owners" not in helper.get(page).text


def test_staff_who_open_locks_reauthenticate(helper, alice):
    lock_new(alice)
    session = helper.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    response = act(helper, LOCKS, Lock._default_manager.all(), reason="on the phone")
    assert response.url.startswith(reverse("two-factor-reauthenticate"))
    assert charging.locked(alice)
    helper.post(response.url, {"otp_token": code_of(TOTPDevice.objects.get(user__username="staff"))})
    assert unlocked() == [("alice", "staff", "admin", "on the phone")]


def test_what_is_confirmed_is_done_to_those_who_were_shown_on_all_pages(helper, alice, bob):
    for user in (alice, bob):
        lock_new(user)
    (row, _other) = Lock._default_manager.order_by("pk")
    page = act(helper, LOCKS, [row], select_across="1")
    assert {owner.username for owner in page.context["owners"]} == {"alice", "bob"}
    assert len(page.context["chosen"]) == 2
