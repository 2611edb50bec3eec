"""The owner is told: of what, in which words, where, how often, and whatever goes wrong."""

from __future__ import annotations

import html
import logging
import re
from datetime import UTC, datetime, timedelta

import django
import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.mail.backends.base import BaseEmailBackend
from django.test import RequestFactory
from django.urls import include, path, reverse
from django.utils import timezone, translation

from allauth_2fa.audit import events, notices
from allauth_2fa.factors import registry
from allauth_2fa.models.audit import AuditEntry
from tests.cast import code_of, give_answer, give_password, wrong_code_of

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def request_of_alice():
    return RequestFactory(headers={"user-agent": FIREFOX}).get("/", REMOTE_ADDR="203.0.113.7")


def html_of(message):
    """Return the HTML part."""
    ((text, kind),) = [(part[0], part[1]) for part in message.alternatives]
    assert kind == "text/html"
    return text


# The words


def test_the_mail_says_what_when_where_and_what_to_do(committed, mails, alice, phone, request_of_alice):
    with time_machine.travel(NOON, tick=False), timezone.override("Europe/Berlin"), committed():
        events.announce("device_added", alice, request=request_of_alice, device=phone, factor="totp")
    (message,) = mails
    assert message.subject == "[example.com] A device was added"
    assert message.to == ["alice@example.com"]
    for text in (message.body, html_of(message)):
        assert "A device was added" in text
        assert "Work phone" in text
        assert "March 1, 2026, 1 p.m. (CET)" in text
        assert "Firefox on Linux, from 203.0.113.7" in text
        assert "If this was you, you don't need to do anything." in text
        assert "If this wasn't you, sign in, remove any device that is not yours" in html.unescape(text)
        assert "http://testserver/accounts/two-factor/factors/" in text
        assert "Account: alice" in text


def test_a_mail_has_one_link_and_it_logs_nobody_in(committed, mails, alice, phone, request_of_alice):
    for event in notices.NOTICES:
        with committed():
            events.announce(event, alice, request=request_of_alice, device=phone)
    assert len(mails) == len(notices.NOTICES)
    pages = {f"http://testserver{reverse(name)}" for name in ("two-factor-overview", "account_reset_password")}
    for message in mails:
        links = {word for word in message.body.split() if "//" in word}
        assert len(links) == 1
        assert links <= pages
        assert html_of(message).count("<a ") == 1


def test_a_mail_in_html_needs_no_picture_and_has_one_button(committed, mails, alice, phone, request_of_alice):
    for event, action in (("device_added", "Check your devices"), ("locked", "Change your password")):
        with committed():
            events.announce(event, alice, request=request_of_alice, device=phone)
        text = html_of(mails[-1])
        assert not re.search(r"<(img|link|script)\b|url\(|@import|https?://(?!testserver/)", text)
        assert re.search(rf'<a class="button" href="http://testserver/[^"]+" style="[^"]+">{action}</a>', text)
        assert f"{action}:\nhttp://testserver/" in mails[-1].body
        assert '<meta name="color-scheme" content="light dark">' in text
        assert "prefers-color-scheme: dark" in text
        assert "max-width: 480px" in text
        assert text.count("<h1") == 1


def test_a_site_without_password_reset_leads_to_the_devices(committed, mails, alice, settings):
    class OnlyOurs:
        urlpatterns = (path("ours/", include("allauth_2fa.urls")),)

    settings.ROOT_URLCONF = OnlyOurs
    with committed():
        events.announce("locked", alice)
    assert "Check your devices:\nhttp://example.com/ours/factors/" in mails[0].body
    assert ">Check your devices</a>" in html_of(mails[0])


def test_a_user_who_knows_the_password_is_answered_by_a_new_one(committed, mails, client, alice, phone):
    give_password(client, alice)
    with committed():
        give_answer(client, wrong_code_of(phone))
    (message,) = mails
    assert message.subject == "[example.com] Two-factor authentication failed after a correct password"
    assert "http://testserver/accounts/password/reset/" in message.body


def test_a_mail_about_a_recovery_code_says_how_many_are_left(committed, mails, client, alice, phone):
    codes = registry.recovery.renew(alice, 3)
    give_password(client, alice)
    with committed():
        give_answer(client, codes[0])
    (message,) = mails
    for text in (message.body, html_of(message)):
        assert "Recovery codes left: 2." in text
        assert "If this was you, create new recovery codes before you run out." in text
        assert codes[0] not in text


def test_many_codes_that_are_left_are_nothing_to_do(committed, mails, alice):
    with committed():
        events.announce("recovery_code_used", alice, left=4)
    for text in (mails[0].body, html_of(mails[0])):
        assert "Recovery codes left: 4." in text
        assert "create new recovery codes before" not in text


def test_a_copied_passkey_needs_action_somebody_who_copied_it(committed, mails, alice):
    with committed():
        events.announce("passkey_cloned", alice)
    for text in (mails[0].body, html_of(mails[0])):
        assert "Sign in, remove it, and add a new one." in text
        assert "you don't need to do anything" not in text


def test_a_mail_about_a_new_name_says_the_old_one(committed, mails, alice, phone):
    with committed():
        events.announce("device_renamed", alice, device=phone, was="Old phone")
    assert "Its name was Old phone." in mails[0].body
    assert "Its name was Old phone." in html_of(mails[0])


def test_what_staff_did_is_told_without_their_address_or_name(committed, mails, alice, phone, staff, request_of_alice):
    with committed():
        events.announce("device_removed", alice, request=request_of_alice, actor=staff, device=phone)
    for text in (mails[0].body, html_of(mails[0])):
        assert "Done by: the site's support team" in text
        assert "If you asked for this, you don't need to do anything." in text
        assert "203.0.113.7" not in text
        assert "staff" not in text


def test_an_unknown_browser_is_called_so(committed, mails, alice, rf):
    with committed():
        events.announce("two_factor_off", alice, request=rf.get("/", REMOTE_ADDR="203.0.113.7"))
    for text in (mails[0].body, html_of(mails[0])):
        assert "Where: an unknown browser, from 203.0.113.7" in text


def test_a_command_has_no_client(committed, mails, alice):
    with committed():
        events.announce("two_factor_off", alice)
    for text in (mails[0].body, html_of(mails[0])):
        assert "Where:" not in text
    assert "http://example.com/accounts/two-factor/factors/" in mails[0].body


def test_a_mail_reads_from_right_to_left_where_people_do(committed, mails, alice):
    with translation.override("he"), committed():
        events.announce("two_factor_off", alice)
    assert '<html lang="he" dir="rtl">' in html_of(mails[0])


# Which users get a mail, and whether they do


def test_the_verified_address_comes_before_the_primary_one_and_before_that_of_the_account(alice):
    assert notices.address_of(alice) == "alice@example.com"
    EmailAddress.objects.create(user=alice, email="primary@example.com", primary=True)
    assert notices.address_of(alice) == "primary@example.com"
    EmailAddress.objects.create(user=alice, email="verified@example.com", verified=True)
    assert notices.address_of(alice) == "verified@example.com"


def test_a_user_who_has_no_address_gets_no_mail(committed, mails, alice):
    alice.email = ""
    with committed():
        events.announce("two_factor_off", alice)
    assert mails == []


def test_events_without_a_notice_are_not_mailed(committed, mails, client, alice, phone):
    with committed():
        give_password(client, alice)
        give_answer(client, code_of(phone))
    assert AuditEntry.objects.get().event == "challenge_passed"
    assert mails == []


def test_a_site_turns_mails_off_or_leaves_some_out(committed, mails, alice, settings):
    settings.ALLAUTH_2FA_NOTIFY = {"device_renamed": False}
    with committed():
        events.announce("device_renamed", alice)
        events.announce("device_added", alice)
    assert [message.subject for message in mails] == ["[example.com] A device was added"]
    settings.ALLAUTH_2FA_NOTIFY = False
    with committed():
        events.announce("device_added", alice)
    assert len(mails) == 1


def test_a_project_writes_its_own_mail_for_an_event(committed, mails, alice, settings, tmp_path):
    folder = tmp_path / "allauth_2fa" / "email"
    folder.mkdir(parents=True)
    (folder / "two_factor_off_subject.txt").write_text("Alas")
    (folder / "two_factor_off_message.txt").write_text("{{ account }}, {{ event }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    with committed():
        events.announce("two_factor_off", alice)
        events.announce("device_added", alice)
    assert [(message.subject, message.body) for message in mails[:1]] == [("[example.com] Alas", "alice, two_factor_off")]
    assert mails[1].subject == "[example.com] A device was added"


def test_a_site_without_our_pages_sends_mails_without_a_link(committed, mails, alice, settings):
    settings.ROOT_URLCONF = "tests.audit.no_pages"
    with committed():
        events.announce("two_factor_off", alice)
    assert "//" not in mails[0].body
    assert "<a " not in html_of(mails[0])


# How often


@pytest.fixture
def wrong(committed):
    """Announce a wrong code at a moment."""

    def announce(user, when):
        with time_machine.travel(when, tick=False), committed():
            events.announce("challenge_refused", user, factor="totp", reason="refused")

    return announce


def test_wrong_codes_are_told_once_in_six_hours_however_many_come(wrong, mails, alice, bob):
    for minutes in range(0, 15 * 60, 30):
        wrong(alice, NOON + timedelta(minutes=minutes))
        cache.clear()  # the audit log alone knows
    told = AuditEntry.objects.filter(event="owner_told").order_by("pk")
    assert [row.facts for row in told] == [{"about": "challenge_refused"}] * 3
    assert [row.at - NOON for row in told] == [timedelta(0), timedelta(hours=6), timedelta(hours=12)]
    assert len(mails) == 3
    wrong(bob, NOON)
    assert mails[-1].to == ["bob@example.com"]


def test_the_cache_spares_the_question(wrong, mails, alice, django_assert_num_queries):
    wrong(alice, NOON)
    with django_assert_num_queries(1):
        wrong(alice, NOON + timedelta(minutes=1))
    assert len(mails) == 1


class BrokenCache(BaseCache):
    """A cache whose server is down."""

    def __init__(self, _location, params):
        super().__init__(params)

    def add(self, *_args, **_kwargs):
        raise ConnectionError


def test_a_cache_that_is_down_loses_no_mail_and_sends_no_storm(wrong, mails, alice, settings):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}
    for minutes in range(3):
        wrong(alice, NOON + timedelta(minutes=minutes))
    assert len(mails) == 1


# What goes wrong


class BrokenBackend(BaseEmailBackend):
    """A mail server that is down, and says more than it should."""

    def send_messages(self, _messages):
        raise ConnectionRefusedError("alice@example.com: 123456")


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_is_down_stops_nothing_and_is_logged_by_its_kind(client, alice, phone, settings, caplog):
    here = f"{__name__}.BrokenBackend"
    if django.VERSION < (6, 1):
        settings.EMAIL_BACKEND = here
    settings.MAILERS = {"default": {"BACKEND": here}}
    codes = registry.recovery.renew(alice, 3)
    give_password(client, alice)
    with caplog.at_level(logging.INFO):
        assert give_answer(client, codes[0]).url == "/"
    assert f"The mail on recovery_code_used to user {alice.pk} could not be sent: ConnectionRefusedError" in caplog.messages
    assert "123456" not in caplog.text
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_breaks_stops_neither_the_login_nor_the_mail(client, alice, phone, mails):
    from allauth_2fa.signals import two_factor_event  # noqa: PLC0415 - it is about this one

    def listen(**_facts):
        raise ZeroDivisionError

    two_factor_event.connect(listen)
    try:
        give_password(client, alice)
        give_answer(client, wrong_code_of(phone))
    finally:
        two_factor_event.disconnect(listen)
    assert len(mails) == 1
