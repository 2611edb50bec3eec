"""Support helps somebody whose devices are gone: by commands and in the admin, and never shows a secret."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import support
from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.factors import lookup, registry
from allauth_2fa.models import Browser, RecoveryCode, RecoveryDevice
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.models.exemptions import Exemption
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db

CHANGELIST = "/admin/otp_totp/totpdevice/"


@pytest.fixture
def staff():
    """Somebody of the staff who is no superuser."""
    return User.objects.create_user("staff", "staff@example.com", PASSWORD, is_staff=True)


def run(command, *arguments, **options):
    out, err = StringIO(), StringIO()
    call_command(command, *arguments, stdout=out, stderr=err, **options)
    return out.getvalue()


def rows():
    return [(row.event, row.user_label, row.actor_label, row.facts.get("reason")) for row in AuditEntry.objects.order_by("pk")]


# Reset


def test_a_reset_takes_every_factor_and_ends_the_sessions(client, alice, phone):
    login_verified(client, alice, phone)
    RecoveryDevice.renew(alice.pk, 3)
    Browser.objects.create(user=alice, digest="x" * 64, name="Firefox on Linux")
    run("allauth_2fa_reset", "alice", reason="lost phone", interactive=False)
    assert not lookup.has_primary(alice)
    assert not RecoveryDevice.objects.exists()
    assert not Browser.objects.exists()
    assert client.get("/").text == "user: AnonymousUser"
    assert ("reset_by_support", "alice", "console", "lost phone") in rows()
    give_password(client, alice)
    assert is_logged_in(client)


def test_a_reset_names_who_did_it(alice, phone, staff):
    run("allauth_2fa_reset", "alice", "--by", "staff", reason="lost phone", interactive=False)
    assert ("reset_by_support", "alice", "staff", "lost phone") in rows()


@pytest.mark.parametrize(("typed", "is_done"), [("yes", True), ("y", False), ("", False)])
def test_a_reset_asks_first(alice, phone, monkeypatch, typed, is_done):
    monkeypatch.setattr("builtins.input", lambda _question: typed)
    run("allauth_2fa_reset", "alice", reason="lost phone")
    assert lookup.has_primary(alice) is not is_done


@pytest.mark.parametrize("command", ["allauth_2fa_reset", "allauth_2fa_issue_code"])
def test_a_user_that_is_not_there_and_an_empty_reason_are_refused(alice, phone, command):
    with pytest.raises(CommandError, match="There is no user 'carol'"):
        run(command, "carol", reason="lost phone")
    with pytest.raises(CommandError, match="There is no user 'carol'"):
        run(command, "alice", "--by", "carol", reason="lost phone")
    with pytest.raises(CommandError, match="must not be empty"):
        run(command, "alice", reason=" ")
    assert lookup.has_primary(alice)


def test_nobody_but_a_superuser_touches_a_superuser(staff, phone):
    boss = User.objects.create_superuser("boss", password=PASSWORD)
    TOTPDevice.objects.create(user=boss)
    with pytest.raises(PermissionDenied):
        support.reset(boss, staff, "a whim")
    with pytest.raises(CommandError, match="Only a superuser"):
        run("allauth_2fa_issue_code", "boss", "--by", "staff", reason="a whim")
    support.reset(boss, boss, "my own")
    assert not lookup.has_primary(boss)


# Issued codes


def test_an_issued_code_signs_in_once_beside_the_users_own(client, alice, phone):
    own = RecoveryDevice.renew(alice.pk, 2)
    code = run("allauth_2fa_issue_code", "alice", reason="on the phone").strip()
    assert re.fullmatch(r"([0-9a-z]{4}-){3}[0-9a-z]{4}", code)
    for answer, lets_in in ((code, True), (code, False), (own[0], True)):
        browser = Client()
        give_password(browser, alice)
        give_answer(browser, answer)
        assert is_logged_in(browser) is lets_in


def test_an_issued_code_expires(client, alice, phone):
    code = run("allauth_2fa_issue_code", "alice", "--hours", "2", reason="on the phone").strip()
    with time_machine.travel(timezone.now() + timedelta(hours=2, seconds=1), tick=False):
        give_password(client, alice)
        give_answer(client, code)
        assert not is_logged_in(client)
        assert registry.recovery.unused(alice).count() == RecoveryDevice.objects.get().codes_left() == 0


def test_an_issued_code_goes_when_the_user_makes_new_ones(alice, phone):
    run("allauth_2fa_issue_code", "alice", reason="on the phone")
    RecoveryDevice.renew(alice.pk, 2)
    assert not RecoveryCode.objects.exclude(expires_at=None).exists()


def test_a_user_who_has_no_factor_needs_no_code(alice):
    with pytest.raises(CommandError, match="cannot use a recovery code"):
        run("allauth_2fa_issue_code", "alice", reason="on the phone")
    assert not RecoveryDevice.objects.exists()


def test_a_user_who_may_not_answer_by_a_recovery_code_gets_none(alice, phone, monkeypatch):
    monkeypatch.setattr(OTPAdapter, "is_factor_allowed", lambda _adapter, _user, factor_id: factor_id != "recovery_codes")
    with pytest.raises(CommandError, match="cannot use a recovery code"):
        run("allauth_2fa_issue_code", "alice", reason="on the phone")
    assert not RecoveryDevice.objects.exists()


@pytest.mark.parametrize("hours", ["0", "-1", "169", "nan", "inf"])
def test_a_code_lives_for_a_week_at_most(alice, phone, hours):
    with pytest.raises(CommandError, match="--hours"):
        run("allauth_2fa_issue_code", "alice", "--hours", hours, reason="on the phone")


def test_the_code_is_in_no_row_and_in_no_mail(alice, phone, django_capture_on_commit_callbacks, caplog):
    with django_capture_on_commit_callbacks(execute=True):
        code = run("allauth_2fa_issue_code", "alice", reason="on the phone").strip()
    (message,) = mail.outbox
    assert "recovery code" in message.subject.lower()
    bare = code.replace("-", "")
    told = json.dumps(list(AuditEntry.objects.values("facts", "device", "user_agent")), default=str)
    for text in (message.body, message.subject, told, caplog.text, *RecoveryCode.objects.values_list("digest", flat=True)):
        assert code not in text
        assert bare not in text


# The admin


@pytest.fixture
def helper(client, staff):
    """Somebody of the staff who may help, with a second factor that was just answered for."""
    permissions = ["view_totpdevice", "change_totpdevice", "support_reset", "support_issue_code"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    login_verified(client, staff, TOTPDevice.objects.create(user=staff, name="Staff phone"))
    return client


def act(client, action, *devices, **fields):
    return client.post(CHANGELIST, {"action": action, "_selected_action": [device.pk for device in devices], **fields})


def test_a_code_is_issued_in_the_admin_for_a_reason_and_shown_once(helper, alice, phone, client):
    page = act(helper, "issue_codes", phone)
    assert "alice" in page.text
    assert not RecoveryCode.objects.exists()
    assert act(helper, "issue_codes", phone, reason="").context["form"].errors
    page = act(helper, "issue_codes", phone, reason="on the phone")
    assert "no-store" in page["Cache-Control"]
    code = re.search(r"<code[^>]*>([0-9a-z-]{19})</code>", page.text).group(1)
    assert ("code_issued_by_support", "alice", "staff", "on the phone") in rows()
    browser = Client()
    give_password(browser, alice)
    give_answer(browser, code)
    assert is_logged_in(browser)


def test_a_reset_in_the_admin_takes_each_owner_once(helper, alice, phone, bob):
    tablet = TOTPDevice.objects.create(user=alice)
    theirs = TOTPDevice.objects.create(user=bob)
    assert act(helper, "reset_owners", phone, tablet, theirs, reason="lost phones").status_code == 302
    assert [row[0] for row in rows()].count("reset_by_support") == 2
    assert not TOTPDevice.objects.exclude(user__username="staff").exists()


def test_in_the_admin_nobody_but_a_superuser_deletes_a_device_of_a_superuser(helper, staff, phone):
    staff.user_permissions.add(Permission.objects.get(codename="delete_totpdevice"))
    device = TOTPDevice.objects.create(user=User.objects.create_superuser("boss", password=PASSWORD))
    address = f"{CHANGELIST}{device.pk}/delete/"
    assert helper.post(address, {"post": "yes"}).status_code == 403
    act(helper, "delete_selected", device, phone, post="yes")
    assert TOTPDevice.objects.filter(pk__in=[device.pk, phone.pk]).count() == 2
    act(helper, "delete_selected", phone, post="yes")
    assert not TOTPDevice.objects.filter(pk=phone.pk).exists()
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    assert helper.post(address, {"post": "yes"}).status_code == 302
    assert not TOTPDevice.objects.filter(pk=device.pk).exists()


def test_in_the_admin_nobody_but_a_superuser_touches_a_superuser(helper):
    boss = User.objects.create_superuser("boss", password=PASSWORD)
    device = TOTPDevice.objects.create(user=boss)
    for action in ("reset_owners", "issue_codes"):
        response = act(helper, action, device, reason="a whim")
        assert "Only a superuser can do this to boss." in helper.get(response.url).text
    assert lookup.has_primary(boss)
    assert not RecoveryCode.objects.exists()


def test_in_the_admin_an_owner_without_a_factor_gets_no_code(helper, bob):
    waiting = TOTPDevice.objects.create(user=bob, confirmed=False)
    response = act(helper, "issue_codes", waiting, reason="on the phone")
    assert "cannot use a recovery code" in helper.get(response.url).text
    assert not RecoveryCode.objects.exists()


@pytest.mark.parametrize("action", ["reset_owners", "issue_codes"])
def test_a_user_who_lacks_the_permission_is_offered_nothing(helper, staff, alice, phone, action):
    staff.user_permissions.remove(*Permission.objects.filter(codename__startswith="support_"))
    assert action not in helper.get(CHANGELIST).text
    act(helper, action, phone, reason="a whim")
    assert lookup.has_primary(alice)
    assert not RecoveryCode.objects.exists()


@pytest.mark.parametrize("action", ["reset_owners", "issue_codes"])
def test_support_reauthenticates(helper, alice, phone, staff, action):
    session = helper.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    response = act(helper, action, phone, reason="lost phone")
    assert response.url.startswith(reverse("two-factor-reauthenticate"))
    assert lookup.has_primary(alice)
    own = TOTPDevice.objects.get(user=staff)
    helper.post(response.url, {"otp_token": code_of(own)})
    assert {row[0] for row in rows()} & {"reset_by_support", "code_issued_by_support"}


# The state of things


def test_the_status_counts_users_by_factor_and_group(alice, phone, bob, staff):
    accounts = Group.objects.create(name="Accounts")
    accounts.user_set.add(alice, bob)
    User.objects.create_user("gone", is_active=False)
    RecoveryDevice.renew(alice.pk, 1)
    counts = json.loads(run("allauth_2fa_status", format="json"))
    assert (counts["users"], counts["with_factor"]) == (3, 1)
    assert counts["by_factor"] == {"totp": 1, "recovery_codes": 1, "static": 0}
    assert counts["by_group"]["group Accounts"] == {"users": 2, "with_factor": 1}
    assert counts["by_group"]["staff"] == {"users": 1, "with_factor": 0}
    text = run("allauth_2fa_status")
    assert "1 of 3 active users have a second factor." in text
    assert re.search(r"group Accounts +1 of 2", text)
    assert "required" not in counts["by_group"]
    assert counts["requirement"] == {"free": 3, "exempt": 0, "satisfied": 0, "grace": 0, "due": 0}


def test_the_status_tells_who_must_have_a_factor_and_has_none(alice, phone, bob, staff, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    Exemption.objects.create(user=bob, reason="robot", expires_at=timezone.now() + timedelta(days=1))
    counts = json.loads(run("allauth_2fa_status", format="json"))
    assert counts["requirement"] == {"free": 0, "exempt": 1, "satisfied": 1, "grace": 0, "due": 1}
    assert counts["by_group"]["required"] == {"users": 2, "with_factor": 1}
    assert re.search(r"due +1\n", run("allauth_2fa_status"))
    with pytest.raises(SystemExit):
        run("allauth_2fa_status", "--fail-below", "100", "--of", "required")
    run("allauth_2fa_status", "--fail-below", "50", "--of", "required")


@pytest.mark.parametrize(
    ("of", "percent", "fails"), [("users", "50", False), ("users", "51", True), ("staff", "1", True), ("superuser", "100", False)]
)
def test_the_exit_code_tells_a_monitor(alice, phone, staff, of, percent, fails):
    if fails:
        with pytest.raises(SystemExit) as end:
            run("allauth_2fa_status", "--fail-below", percent, "--of", of)
        assert end.value.code == 1
    else:
        run("allauth_2fa_status", "--fail-below", percent, "--of", of)


def test_a_group_that_is_not_there_is_named(alice):
    with pytest.raises(CommandError, match="There is no 'group nobody'"):
        run("allauth_2fa_status", "--fail-below", "1", "--of", "group nobody")
