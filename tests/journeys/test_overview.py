"""What the overview says at a glance, and where it leads somebody who finds there what they have not done."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone, translation
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.audit import events
from allauth_2fa.factors import registry
from allauth_2fa.templatetags.allauth_2fa import when
from allauth_2fa.testing import login_verified

pytestmark = pytest.mark.django_db

OVERVIEW, EVENTS = reverse("two-factor-overview"), reverse("two-factor-events")
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def verified(client, alice, phone):
    login_verified(client, alice, phone)
    return client


def text_of(response):
    return re.sub(r"\s+", " ", response.text)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(0), "today, noon"),
        (timedelta(hours=11, minutes=59), "today, 12:01 a.m."),
        (timedelta(hours=12, minutes=1), "yesterday, 11:59 p.m."),
        (timedelta(days=1, hours=12), "yesterday, midnight"),
        (timedelta(days=2), "March 8, 2026, noon"),
        (timedelta(days=-1), "March 11, 2026, noon"),
    ],
)
def test_a_moment_is_said_as_people_say_it(ago, words):
    with time_machine.travel(NOON, tick=False), translation.override("en"):
        assert when(NOON - ago) == words


def test_the_day_is_that_of_the_visitors_time_zone():
    with time_machine.travel(NOON, tick=False), timezone.override(ZoneInfo("Pacific/Auckland")), translation.override("en"):
        late = NOON - timedelta(hours=2)
        assert when(timezone.localtime(late)) == "yesterday, 11 p.m."


def test_a_site_without_time_zones_says_today_too(settings):
    settings.USE_TZ = False
    with translation.override("en"):
        assert when(datetime.now()).startswith("today, ")  # noqa: DTZ005 - as such a site stores it


def test_the_state_is_told_at_a_glance(verified, alice):
    TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)
    registry.recovery.renew(alice, 7)
    page = text_of(verified.get(OVERVIEW))
    assert "Two-factor authentication is on." in page
    facts = dict(re.findall(r"<dt>([^<]+)</dt> <dd>(?:<time[^>]*>)?([^<]+)<", page))
    assert facts.pop("Last sign-in").startswith("today, ")
    assert facts == {"Devices": "2", "Recovery codes left": "7"}


def test_a_user_without_a_device_sees_no_numbers(client, alice):
    client.force_login(alice)
    page = text_of(client.get(OVERVIEW))
    assert "Anyone who knows your password can sign in." in page
    assert "<dl" not in page


def test_the_consequence_of_a_removal_is_said_before_the_click(verified, alice):
    assert "You won't be able to sign in with it." not in verified.get(OVERVIEW).text
    TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)
    page = verified.get(OVERVIEW).text
    assert page.count("You won't be able to sign in with it.") == 2
    assert page.count('class="two-factor-danger"') == 2
    assert "Your devices and recovery codes stop working." in page


@pytest.mark.parametrize(
    ("event", "facts", "icon"),
    [
        ("recovery_code_used", {"left": 1}, "list"),
        ("code_issued_by_support", {"reason": "", "until": ""}, "list"),
        ("browser_trusted", {"browser": "", "until": ""}, "browser"),
        ("sessions_ended", {"number": 1, "how": ""}, "browser"),
        ("device_renamed", {"was": ""}, "app"),
        ("passkey_cloned", {}, "passkey"),
        ("owner_told", {"about": ""}, "mail"),
        ("challenge_passed", {"factor": "totp"}, "key"),
    ],
)
def test_each_event_has_an_icon(verified, alice, event, facts, icon):
    events.announce(event, alice, **facts)
    assert verified.get(EVENTS).context["events"][0]["icon"] == icon
    assert "<svg" in verified.get(EVENTS).text


@pytest.mark.parametrize("page", [OVERVIEW, EVENTS])
def test_an_event_that_was_not_the_user_leads_to_a_new_password_which_ends_all_other_sessions(verified, alice, phone, page, client):
    events.announce("recovery_code_used", alice, left=1)
    shown = verified.get(page).text
    assert "This wasn't me: change my password" in shown
    (url,) = re.findall(r'<a href="([^"]+)">This wasn', shown)
    other = type(verified)()
    login_verified(other, alice, phone)
    old = "correct horse battery staple"
    new = "another staple of the battery"
    assert verified.post(url, {"oldpassword": old, "password1": new, "password2": new}).status_code == 302
    assert other.get(OVERVIEW).status_code == 302


def test_the_setup_says_what_an_app_is(client, alice):
    client.post(reverse("account_login"), {"login": "alice", "password": "correct horse battery staple"})
    page = client.get(reverse("two-factor-setup"))
    assert "An authenticator app shows a new code every 30 seconds." in page.text
    assert page.context["passkey"] is None
