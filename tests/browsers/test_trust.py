"""Trusted browsers, as people use them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.models import Browser
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.attacks.test_other_login_views import who
from tests.browsers.cast import FIREFOX, come_back, cookie_of, leave, next_code_of, trust
from tests.cast import give_answer, give_password, is_logged_in, is_pending, wrong_code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls"), pytest.mark.usefixtures("_trust_enabled")]

OVERVIEW, BROWSERS = "/accounts/two-factor/factors/", "/accounts/two-factor/factors/browsers/"


@pytest.fixture
def clock():
    with time_machine.travel(1_750_000_005, tick=False) as traveller:
        yield traveller


def test_the_challenge_has_a_box_that_is_not_ticked(client, alice, phone):
    give_password(client, alice)
    page = client.get(reverse("two-factor-authenticate"))
    assert 'type="checkbox" name="trust"' in page.text
    assert "Trust this browser for 30 days" in page.text
    assert "checked" not in page.text


def test_a_trusted_browser_logs_its_user_in_by_the_password(client, alice, phone):
    trust(client, alice, phone)
    response = come_back(client, alice)
    assert response["Location"] == "/"
    assert who(client) == {"user": "alice", "key": str(alice.pk)}


def test_a_login_without_the_box_trusts_nothing(client, alice, phone):
    give_password(client, alice)
    give_answer(client, next_code_of(phone))
    assert is_logged_in(client)
    come_back(client, alice)
    assert is_pending(client)


def test_a_trusted_login_keeps_its_next(client, alice, phone):
    trust(client, alice, phone)
    leave(client)
    assert give_password(client, alice, "?next=/private/")["Location"] == "/private/"


def test_a_trusted_login_is_not_verified_and_a_change_asks_for_the_factor(client, alice, phone):
    trust(client, alice, phone)
    come_back(client, alice)
    assert not client.get("/who/").wsgi_request.user.is_verified()
    assert client.get(reverse("two-factor-backup-tokens"))["Location"].startswith(reverse("two-factor-reauthenticate"))
    assert 'name="otp_token"' in client.get(reverse("two-factor-remove")).text
    assert client.get("/sensitive/")["Location"].startswith(reverse("two-factor-reauthenticate"))
    client.post(reverse("two-factor-reauthenticate"), {"otp_token": next_code_of(phone)})
    assert client.get("/who/").wsgi_request.user.is_verified()


def test_trust_ends_with_its_days_which_a_login_does_not_prolong(client, alice, phone, settings, clock):
    settings.ALLAUTH_2FA_TRUST_DAYS = 7
    trust(client, alice, phone)
    clock.shift(timedelta(days=6))
    come_back(client, alice)
    assert is_logged_in(client)
    clock.shift(timedelta(days=1, seconds=1))
    come_back(client, alice)
    assert is_pending(client)


def test_a_trusted_session_is_asked_again_once_the_trust_has_run_out(client, alice, phone, settings, clock):
    settings.ALLAUTH_2FA_TRUST_DAYS = 1
    trust(client, alice, phone)
    clock.shift(timedelta(hours=23, minutes=59))
    come_back(client, alice)
    clock.shift(timedelta(minutes=6))
    response = client.get("/private/")
    assert response["Location"] == reverse("two-factor-authenticate") + "?next=%2Fprivate%2F"
    give_answer(client, next_code_of(phone))
    assert client.get("/private/").status_code == 200


def test_several_users_have_the_same_browser_trusted(client, alice, phone, bob):
    bobs = TOTPDevice.objects.create(user=bob)
    trust(client, alice, phone)
    leave(client)
    trust(client, bob, bobs)
    for user in (alice, bob, alice):
        come_back(client, user)
        assert who(client)["user"] == user.username


def test_the_audit_log_and_a_mail_tell_of_it(client, alice, phone, django_capture_on_commit_callbacks, clock):
    with django_capture_on_commit_callbacks(execute=True):
        client.defaults["HTTP_USER_AGENT"] = FIREFOX
        trust(client, alice, phone)
    row = AuditEntry.objects.get(event="browser_trusted")
    assert (row.user_id, row.facts) == (alice.pk, {"browser": "Firefox on Linux", "until": "2025-07-15"})
    assert any("A browser was trusted" in message.subject for message in mail.outbox)
    come_back(client, alice)
    assert AuditEntry.objects.get(event="trusted_browser_used").facts == {"browser": "Firefox on Linux"}
    assert cookie_of(client) not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(("days", "label"), [(1, "Trust this browser for 1 day"), (90, "Trust this browser for 90 days")])
def test_the_box_says_for_how_long(client, alice, phone, settings, days, label):
    settings.ALLAUTH_2FA_TRUST_DAYS = days
    give_password(client, alice)
    assert str(client.get(reverse("two-factor-authenticate")).context["form"].fields["trust"].label) == label


def test_the_box_stays_ticked_after_a_wrong_code_and_while_a_code_is_sent(client, alice, phone):
    give_password(client, alice)
    assert "checked" in give_answer(client, wrong_code_of(phone), trust="on").text
    assert "checked" in client.post(reverse("two-factor-authenticate"), {"action": "send", "trust": "on"}).text
    assert "checked" not in client.post(reverse("two-factor-authenticate"), {"action": "send"}).text


def test_the_key_of_the_site_is_rotated_and_trust_lives_on(client, alice, phone, settings):
    trust(client, alice, phone)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one", [settings.SECRET_KEY]
    come_back(client, alice)
    assert is_logged_in(client)
    settings.SECRET_KEY_FALLBACKS = []
    come_back(client, alice)
    assert is_pending(client)


# The page


def test_the_overview_leads_to_what_is_trusted(client, alice, phone):
    client.defaults["HTTP_USER_AGENT"] = FIREFOX
    trust(client, alice, phone)
    page = client.get(OVERVIEW)
    assert "Trusted browsers" in page.text
    (browser,) = page.context["browsers"]
    assert (browser["name"], browser["address"], browser["is_this"]) == ("Firefox on Linux", "127.0.0.1", True)
    assert browser["trusted_until"] - timezone.now() > timedelta(days=29)
    assert browser["trusted_until"] > browser["last_seen_at"]
    assert "This browser" in page.text


def test_a_site_without_trust_says_nothing_of_it(client, alice, phone, settings):
    settings.ALLAUTH_2FA_TRUST_DAYS = 0
    give_password(client, alice)
    assert "trust" not in client.get(reverse("two-factor-authenticate")).text.lower()
    login_verified(client, alice, phone)
    assert "trusted" not in client.get(OVERVIEW).text.lower()
    assert "Every browser asks for your second factor." in client.get(BROWSERS).text


def test_nothing_is_trusted_yet(client, alice, phone):
    login_verified(client, alice, phone)
    for page in (OVERVIEW, BROWSERS):
        assert "tick the box below the code to trust that browser for 30 days" in client.get(page).text


def two_browsers(alice, phone):
    """Return two browsers in which Alice is logged in, and which she trusts."""
    laptop, tablet = Client(), Client()
    for client in (laptop, tablet):
        trust(client, alice, phone)
    return laptop, tablet


def test_one_browser_is_revoked_and_the_other_stays(alice, phone, django_capture_on_commit_callbacks):
    laptop, tablet = two_browsers(alice, phone)
    of_laptop = Browser.objects.order_by("pk").first()
    response = tablet.post(BROWSERS, {"browser": of_laptop.pk}, follow=True)
    assert "That browser is no longer trusted. It will ask for your second factor again." in response.text
    assert len(response.context["browsers"]) == 1
    come_back(laptop, alice)
    assert is_pending(laptop)
    come_back(tablet, alice)
    assert is_logged_in(tablet)
    assert AuditEntry.objects.get(event="browser_revoked").facts["how"] == "owner"


def test_all_are_revoked(alice, phone):
    laptop, tablet = two_browsers(alice, phone)
    response = tablet.post(BROWSERS, {"action": "all"}, follow=True)
    assert "2 browsers are no longer trusted. They will ask for your second factor again." in response.text
    for client in (laptop, tablet):
        come_back(client, alice)
        assert is_pending(client)


def test_a_revoked_browser_is_trusted_again_on_request(client, alice, phone):
    trust(client, alice, phone)
    client.post(BROWSERS, {"action": "all"})
    leave(client)
    trust(client, alice, phone)
    come_back(client, alice)
    assert is_logged_in(client)
    assert Browser.objects.count() == 1


def test_revoking_stops_the_session_that_the_browsers_trust_opened(client, alice, phone, clock):
    trust(client, alice, phone)
    come_back(client, alice)
    Browser.objects.update(trusted_until=None)
    clock.shift(301)
    assert who(client)["user"] == ""
    assert is_pending(client)


@pytest.mark.parametrize("posted", [{}, {"browser": ""}, {"browser": "x"}, {"browser": "9" * 30}, {"browser": "²"}, {"browser": "999999"}])
def test_garbage_revokes_nothing(client, alice, phone, posted):
    trust(client, alice, phone)
    page = client.post(BROWSERS, posted, follow=True)
    assert len(page.context["browsers"]) == 1
    assert "again" not in page.text


def test_an_anonymous_visitor_is_led_to_the_login(client):
    for response in (client.get(BROWSERS), client.post(BROWSERS)):
        assert response["Location"] == f"{reverse('account_login')}?next={BROWSERS}"


# Who may


class NotForAlice(OTPAdapter):
    """Lets everybody but Alice trust browsers."""

    def may_trust_browser(self, user):
        return super().may_trust_browser(user) and user.username != "alice"


def test_an_adapter_that_forbids_it_takes_box_and_trust_away(client, alice, phone, clock):
    trust(client, alice, phone)
    come_back(client, alice)
    with override_settings(ACCOUNT_ADAPTER="tests.browsers.test_trust.NotForAlice"):
        clock.shift(301)
        assert who(client)["user"] == ""
        come_back(client, alice)
        assert is_pending(client)
        assert "Trust this" not in client.get(reverse("two-factor-authenticate")).text
        give_answer(client, next_code_of(phone))
        assert client.get(OVERVIEW).context["browsers"] == []


def test_staff_may_only_where_the_site_says_so(client, staff, settings):
    phone = TOTPDevice.objects.create(user=staff)
    settings.ALLAUTH_2FA_TRUST_STAFF = False
    trust(client, staff, phone)
    come_back(client, staff)
    assert is_pending(client)
    settings.ALLAUTH_2FA_TRUST_STAFF = True
    leave(client)
    trust(client, staff, phone)
    come_back(client, staff)
    assert is_logged_in(client)


# Other login views, and the admin


@pytest.mark.parametrize("login_view", ["/logins/django/", "/logins/custom/", "/logins/async/"])
def test_another_login_view_goes_through_the_same_stage_and_the_same_rule(client, alice, phone, login_view):
    trust(client, alice, phone)
    leave(client)
    response = client.post(login_view, {"username": "alice", "password": "correct horse battery staple"})
    assert response.status_code == 302
    assert "authenticate" not in response["Location"]
    assert who(client)["user"] == "alice"
    assert not client.get("/who/").wsgi_request.user.is_verified()


def test_a_script_at_another_login_view_is_asked(client, alice, phone):
    trust(client, alice, phone)
    leave(client)
    credentials = {"username": "alice", "password": "correct horse battery staple"}
    assert client.post("/logins/custom/", credentials, headers={"Sec-Fetch-Dest": "empty"}).status_code == 403
    assert who(client)["user"] == ""


def test_a_session_from_before_the_factor_goes_on_in_a_browser_that_is_trusted(alice, phone, client):
    trust(client, alice, phone)
    TOTPDevice.objects.update(confirmed=False)
    come_back(client, alice)
    session = client.session
    del session["allauth_2fa"]["checked_at"]
    session.save()
    TOTPDevice.objects.update(confirmed=True)
    assert client.get("/private/", follow=True).text == "user: alice"
