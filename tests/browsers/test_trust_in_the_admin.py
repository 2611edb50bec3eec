"""Trusted browsers in the admin: support ends trust, and the audit log says who did."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from django.urls import include, path
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.admin import secure_admin_site
from allauth_2fa.browsers import trust as trusts
from allauth_2fa.models import Browser
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD

from .cast import come_back, trust

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_trust_enabled")]

CHANGELIST = "/admin/allauth_2fa/browser/"


@pytest.fixture
def helper(client, staff):
    """Somebody of the staff who has just answered."""
    login_verified(client, staff, TOTPDevice.objects.create(user=staff, name="Staff phone"))
    return client


@pytest.fixture
def browser(alice, phone):
    trust(Client(), alice, phone)
    return Browser.objects.get(user=alice)


def revoked():
    return [(row.user_label, row.actor_label) for row in AuditEntry.objects.filter(event="browser_revoked")]


def test_the_list_says_which_browsers_are_trusted(helper, browser):
    page = helper.get(CHANGELIST).text
    assert "icon-yes" in page
    assert browser.digest not in page
    assert helper.get(f"{CHANGELIST}add/").status_code == 403


def test_trust_is_ended_for_the_chosen_browsers(helper, browser):
    response = helper.post(CHANGELIST, {"action": "end_trust", "_selected_action": [browser.pk]})
    assert "1 browser is no longer trusted." in helper.get(response.url).text
    browser.refresh_from_db()
    assert browser.trusted_until is None
    assert revoked() == [("alice", "staff")]


@pytest.mark.parametrize("by_action", [True, False])
def test_a_browser_that_is_deleted_is_trusted_no_more(helper, browser, by_action):
    if by_action:
        helper.post(CHANGELIST, {"action": "delete_selected", "_selected_action": [browser.pk], "post": "yes"})
    else:
        helper.post(f"{CHANGELIST}{browser.pk}/delete/", {"post": "yes"})
    assert not Browser.objects.exists()
    assert revoked() == [("alice", "staff")]


@pytest.fixture
def onlooker(client):
    """Somebody of the staff who may look at browsers, and no more."""
    staff = User.objects.create_user("onlooker", password=PASSWORD, is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_browser"))
    login_verified(client, staff, TOTPDevice.objects.create(user=staff, name="Staff phone"))
    return client


def test_a_user_who_may_look_alone_ends_no_trust(onlooker, browser):
    page = onlooker.get(CHANGELIST).text
    assert "alice" in page
    for action in ("end_trust", "delete_selected", "unlock_owners", "reset_owners", "issue_codes"):
        assert action not in page
        onlooker.post(CHANGELIST, {"action": action, "_selected_action": [browser.pk], "post": "yes", "reason": "a whim"})
    assert onlooker.post(f"{CHANGELIST}{browser.pk}/delete/", {"post": "yes"}).status_code == 403
    assert onlooker.post(f"{CHANGELIST}{browser.pk}/change/", {"name": "Mine"}).status_code == 403
    assert trusts.is_trusted(browser.user, Browser.objects.get(pk=browser.pk))
    assert not revoked()


def test_trust_that_is_invalid_before_its_date_is_shown_as_such(helper, browser):
    browser.user.set_password("another one")
    browser.user.save()
    page = helper.get(CHANGELIST).text
    assert "icon-no" in page
    assert "icon-yes" not in page
    browser.refresh_from_db()
    assert browser.trusted_until > timezone.now()


@pytest.mark.parametrize("column", ["digest", "trust", "superseded", "failures", "user__password"])
def test_no_question_about_another_column_is_answered(helper, browser, column):
    """Which rows begin with what is asked for spells the value."""
    assert helper.get(f"{CHANGELIST}?{column}__startswith=a").status_code == 400


def test_staff_in_a_trusted_session_are_asked_before_the_admin_opens(client, staff, settings):
    settings.ALLAUTH_2FA_TRUST_STAFF = True
    site = secure_admin_site(admin.AdminSite("guarded"))

    class Urlconf:
        urlpatterns = [
            path("accounts/two-factor/", include("allauth_2fa.urls")),
            path("accounts/", include("allauth.urls")),
            path("guarded/", site.urls),
        ]

    with override_settings(ROOT_URLCONF=Urlconf):
        trust(client, staff, TOTPDevice.objects.create(user=staff))
        come_back(client, staff)
        assert client.get("/guarded/login/").url.startswith("/accounts/two-factor/factors/reauthenticate/?next=")
