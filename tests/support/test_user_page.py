"""The page in the admin about the second factor of one user: what staff see and do there is what they may see and do."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.budget import stored
from allauth_2fa.devices import recovery_codes
from allauth_2fa.factors import lookup, registry
from allauth_2fa.models import Browser
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    """Somebody of the staff who is no superuser."""
    return User.objects.create_user("staff", "staff@example.com", PASSWORD, is_staff=True)


@pytest.fixture
def helper(client, staff):
    """The browser of staff, who are verified and hold what permissions a test gives them."""

    def come(*codenames):
        staff.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        login_verified(client, staff, TOTPDevice.objects.create(user=staff, name="Own", confirmed=True))
        return client

    return come


SEES_ALL = ("view_totpdevice", "view_browser", "view_auditentry")
MAY_ALL = ("support_unlock", "support_issue_code", "support_reset")


def page_of(user):
    return reverse("admin:allauth_2fa_user", args=[user.pk])


def text_of(response):
    return re.sub(r"\s+", " ", html.unescape(response.text))


@pytest.fixture
def locked(alice, settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["1/365d"], "known": ["1/365d"]}
    stored.write(stored.budget_for(alice.pk, None), lambda budget: budget.failed())


def test_everything_about_a_user_is_on_one_page(helper, alice, phone, locked):
    registry.recovery.renew(alice, 7)
    Browser.objects.create(user=alice, digest="x" * 64, name="Firefox on Linux")
    recovery_codes.events.announce("recovery_code_used", alice, left=7)
    response = helper(*SEES_ALL, *MAY_ALL).get(page_of(alice))
    text = text_of(response)
    for part in (
        "Two-factor authentication of alice",
        "Two-factor authentication is on.",
        "7 recovery codes are left.",
        "Work phone",
        "authenticator app",
        "new browsers: blocked since today",
        "Firefox on Linux",
        "A recovery code was used",
        "Unblock codes",
        "Issue a recovery code",
        "Remove all second factors",
    ):
        assert part in text
    assert reverse("admin:otp_totp_totpdevice_change", args=[phone.pk]) in response.text
    assert phone.key not in response.text


def test_a_lock_without_an_end_says_what_ends_it(helper, alice, phone, settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["5/5m"], "known": ["1/row"]}
    browser = Browser.objects.create(user=alice, digest="x" * 64, name="Firefox on Linux", in_a_row=1, failures="1700000000000")
    assert "until support or the user unblocks them" in text_of(helper(*SEES_ALL).get(page_of(alice)))
    assert browser.name


def test_djangos_page_of_the_user_leads_there(helper, alice):
    client = helper(*SEES_ALL, "change_user", "view_user")
    page = client.get(reverse("admin:auth_user_change", args=[alice.pk]))
    assert f'href="{page_of(alice)}"' in page.text


@pytest.mark.parametrize(
    ("permission", "seen", "hidden"),
    [
        ("view_totpdevice", "Work phone", "Firefox on Linux"),
        ("view_browser", "Firefox on Linux", "Work phone"),
        ("view_auditentry", "A recovery code was used", "Firefox on Linux"),
        ("support_unlock", "Unblock codes", "Work phone"),
    ],
)
def test_each_part_needs_the_permission_of_its_list(helper, alice, phone, permission, seen, hidden):
    Browser.objects.create(user=alice, digest="x" * 64, name="Firefox on Linux")
    recovery_codes.events.announce("recovery_code_used", alice, left=7)
    text = text_of(helper(permission).get(page_of(alice)))
    assert seen in text
    assert hidden not in text


def test_staff_without_any_of_these_permissions_see_nothing(helper, alice, phone):
    assert helper("view_user").get(page_of(alice)).status_code == 403


def test_nobody_but_staff_opens_it(client, alice, phone, bob):
    login_verified(client, alice, phone)
    assert client.get(page_of(bob)).status_code in {302, 403}
    client.logout()
    assert client.get(page_of(alice)).status_code == 302


@pytest.mark.parametrize("key", ["0", "99999999", "x", "-1", "9" * 40, "1 or 1=1"])
def test_a_user_that_there_is_not_is_not_found(helper, alice, key):
    assert helper(*SEES_ALL).get(f"/admin/allauth_2fa/auditentry/user/{key}/").status_code == 404


def test_the_list_of_the_audit_log_has_no_actions_for_that(helper, alice, phone):
    recovery_codes.events.announce("recovery_code_used", alice, left=7)
    assert 'name="action"' not in helper(*SEES_ALL, *MAY_ALL).get("/admin/allauth_2fa/auditentry/").text


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("unlock_owners", "the count of wrong codes starts at zero"),
        ("issue_codes", "only if you are sure who they are"),
        ("reset_owners", "All their sessions end."),
    ],
)
def test_an_action_says_what_it_does_and_to_whom_and_asks_for_a_reason(helper, alice, phone, locked, action, says):
    client = helper(*SEES_ALL, *MAY_ALL)
    page = client.post(page_of(alice), {"action": action})
    text = text_of(page)
    assert says in text
    assert "alice" in text
    assert lookup.has_primary(alice)
    assert not AuditEntry.objects.filter(actor_label="staff", user_label="alice").exists()
    fields = dict(re.findall(r'<input type="hidden" name="(action|_selected_action)" value="([^"]*)"', page.text))
    done = client.post(page_of(alice), {**fields, "reason": "Called, and answered the questions."})
    assert AuditEntry.objects.filter(actor_label="staff", user_label="alice").exists()
    assert done.status_code == (200 if action == "issue_codes" else 302)


def test_an_issued_code_opens_the_users_login(helper, alice, phone, django_user_model):
    client = helper(*MAY_ALL)
    page = client.post(page_of(alice), {"action": "issue_codes", "reason": "On the phone."})
    (code,) = re.findall(r'<code dir="ltr">([^<]+)</code>', page.text)
    owner = type(client)()
    give_password(owner, alice)
    assert give_answer(owner, code).status_code == 302


@pytest.mark.parametrize("action", ["unlock_owners", "issue_codes", "reset_owners", "delete_selected", "user_view", "", "__class__"])
def test_an_action_that_staff_may_not_do_is_refused(helper, alice, phone, action):
    client = helper(*SEES_ALL)
    assert client.post(page_of(alice), {"action": action, "reason": "A whim."}).status_code == 403
    assert lookup.has_primary(alice)


def test_staff_do_nothing_to_a_superuser(helper, django_user_model):
    boss = django_user_model.objects.create_superuser("boss", password=PASSWORD)
    TOTPDevice.objects.create(user=boss, confirmed=True)
    client = helper(*MAY_ALL)
    client.post(page_of(boss), {"action": "reset_owners", "reason": "A whim."})
    assert lookup.has_primary(boss)


def test_an_action_asks_for_the_second_factor_again_when_that_was_long_ago(helper, alice, phone):
    client = helper(*MAY_ALL)
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    response = client.post(page_of(alice), {"action": "reset_owners", "reason": "Lost."})
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("two-factor-reauthenticate"))
    assert lookup.has_primary(alice)
    own = TOTPDevice.objects.get(user__username="staff")
    resumed = client.post(response["Location"], {"otp_token": code_of(own)})
    assert resumed.status_code == 302
    assert not lookup.has_primary(alice)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"REQUIRED": "everyone"}, "The site requires it of this user now."),
        ({"REQUIRED": "everyone", "GRACE_PERIOD": 14}, "The site requires it of this user from"),
    ],
)
def test_the_page_says_what_the_site_requires(helper, alice, settings, status, says):
    client = helper(*SEES_ALL)
    for name, value in status.items():
        setattr(settings, f"ALLAUTH_2FA_{name}", value)
    text = text_of(client.get(page_of(alice)))
    assert says in text
    assert "There is no device that you may see." in text


def test_an_event_of_another_version_is_shown_by_its_name(helper, alice, monkeypatch):
    recovery_codes.events.announce("recovery_code_used", alice, left=7)
    client = helper(*SEES_ALL)
    monkeypatch.setattr("allauth_2fa.admin.user.EVENTS", {})
    assert "recovery_code_used" in text_of(client.get(page_of(alice)))


def test_staff_who_may_see_nothing_do_not_learn_which_users_there_are(helper, alice):
    staff = helper()
    assert staff.get(page_of(alice)).status_code == 403
    assert staff.get(reverse("admin:allauth_2fa_user", args=[alice.pk + 1000])).status_code == 403
