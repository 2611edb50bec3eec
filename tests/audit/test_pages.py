"""Where the audit log is read: the user's own page, the overview, and the admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import RequestFactory
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.audit import events
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db

EVENTS, OVERVIEW = reverse("two-factor-events"), reverse("two-factor-overview")
XSS = "<script>alert(1)</script>"
CHROME = "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36"


@pytest.fixture
def verified(client, alice, phone):
    login_verified(client, alice, phone)
    return client


def test_the_page_shows_what_happened_when_and_where(verified, alice, phone):
    request = RequestFactory(headers={"user-agent": CHROME}).get("/", REMOTE_ADDR="203.0.113.7")
    events.announce("device_renamed", alice, request=request, device=phone, was="Old")
    page = verified.get(EVENTS).text
    for text in ("A device was renamed", "Work phone", "Chrome on Windows", "203.0.113.7"):
        assert text in page


def test_the_page_without_an_event_says_so(verified):
    assert "No activity yet." in verified.get(EVENTS).text


def test_the_page_is_for_people_who_are_logged_in(client):
    assert client.get(EVENTS).url == f"{reverse('account_login')}?next={EVENTS}"


def test_the_overview_shows_the_last_five_and_leads_to_the_rest(verified, alice):
    assert "Security activity" not in verified.get(OVERVIEW).text
    for number in range(6):
        events.announce("recovery_code_used", alice, left=number)
    response = verified.get(OVERVIEW)
    assert len(response.context["events"]) == 5
    assert f'href="{EVENTS}"' in response.text


def test_older_events_are_a_page_further(verified, alice):
    for _ in range(61):
        events.announce("two_factor_off", alice)
    shown, url = [], EVENTS
    while url:
        context = verified.get(url).context
        shown.append(len(context["events"]))
        url = context["older_url"]
    assert shown == [30, 30, 1]


@pytest.mark.parametrize("before", ["", "0", "x", "-1", "9" * 18, "9" * 500, "²", "1;2"])
def test_any_place_to_go_on_from_is_a_page(verified, alice, before):
    events.announce("two_factor_off", alice)
    assert verified.get(EVENTS, {"before": before}).status_code == 200


def test_nobody_reads_what_happened_to_another(verified, alice, bob):
    events.announce("two_factor_off", bob)
    events.announce("two_factor_off", bob, actor=alice)
    row = AuditEntry.objects.latest("pk")
    assert verified.get(EVENTS).context["events"] == []
    assert verified.get(EVENTS, {"before": row.pk + 1}).context["events"] == []
    assert verified.get(OVERVIEW).context["events"] == []


def test_the_page_says_neither_name_nor_address_of_staff(verified, alice, staff):
    request = RequestFactory(headers={"user-agent": CHROME}).get("/", REMOTE_ADDR="203.0.113.7")
    events.announce("device_removed", alice, request=request, actor=staff)
    page = verified.get(EVENTS).text
    assert "by the site's support team" in page
    assert "203.0.113.7" not in page
    assert "Chrome" not in page


def test_an_event_of_another_version_is_shown_by_its_name(verified, alice):
    AuditEntry.objects.create(event="from_the_future", user=alice, actor=alice)
    assert "from_the_future" in verified.get(EVENTS).text


@pytest.fixture
def hostile(alice, phone):
    """An event in which everything that a visitor can make up is markup."""
    alice.username = XSS
    alice.save()
    phone.name = XSS
    request = RequestFactory(headers={"user-agent": f"{XSS} Firefox/1"}).get("/")
    events.announce("device_renamed", alice, request=request, device=phone, was=XSS)


def test_no_markup_gets_through_to_the_owner(verified, hostile):
    for url in (EVENTS, OVERVIEW):
        assert XSS not in verified.get(url).text


# The admin

AUDIT_LOG = "/admin/allauth_2fa/auditentry/"


@pytest.fixture
def support(client, staff):
    login_verified(client, staff, TOTPDevice.objects.create(user=staff, name="Staff phone"))
    return client


def test_no_markup_gets_through_to_staff(support, hostile):
    row = AuditEntry.objects.get()
    for url in (AUDIT_LOG, f"{AUDIT_LOG}{row.pk}/change/"):
        page = support.get(url).text
        assert XSS not in page
        assert "&lt;script&gt;" in page


def test_staff_search_and_filter(support, alice, bob, phone):
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.7")
    events.announce("device_added", alice, request=request, device=phone)
    events.announce("two_factor_off", bob)

    def found(query):
        return [row.user_label for row in support.get(f"{AUDIT_LOG}?{query}").context["cl"].result_list]

    assert found("") == ["bob", "alice"]
    assert found("q=alice") == ["alice"]
    assert found("q=Work") == ["alice"]
    assert found("q=203.0.") == ["alice"]
    assert found("event=two_factor_off") == ["bob"]
    assert "A device was added" in support.get(AUDIT_LOG).text


def test_staff_add_change_and_delete_nothing(support, alice):
    events.announce("two_factor_off", alice)
    row = AuditEntry.objects.get()
    assert support.get(f"{AUDIT_LOG}add/").status_code == 403
    assert support.post(f"{AUDIT_LOG}add/", {"event": "x"}).status_code == 403
    assert support.post(f"{AUDIT_LOG}{row.pk}/change/", {"event": "x"}).status_code == 403
    assert support.post(f"{AUDIT_LOG}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    support.post(AUDIT_LOG, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert list(AuditEntry.objects.values_list("event", flat=True)) == ["two_factor_off"]
    assert 'name="_save"' not in support.get(f"{AUDIT_LOG}{row.pk}/change/").text


def test_staff_delete_an_account_and_its_audit_log_stays(support, alice):
    events.announce("two_factor_off", alice)
    support.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert AuditEntry.objects.get().user_label == "alice"


def test_staff_without_the_permission_see_no_audit_log(client, django_user_model):
    clerk = django_user_model.objects.create_user("clerk", "clerk@example.com", PASSWORD, is_staff=True)
    login_verified(client, clerk)
    assert client.get(AUDIT_LOG).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    assert client.get(AUDIT_LOG).status_code == 200
