"""What each step costs the database. The rivals' figures for the same steps are in bench/README.md."""

from __future__ import annotations

from typing import ClassVar

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.devices import turn_off
from allauth_2fa.factors import registry
from allauth_2fa.middleware import BaseRequire2FAMiddleware
from allauth_2fa.models import Browser, SessionsEnd
from allauth_2fa.sessions import ending
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in, wrong_code_of

pytestmark = pytest.mark.django_db

TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


@pytest.fixture
def count():
    """Count the statements of a block, transaction control aside; sites come from Django's own cache, as in real life."""
    Site.objects.get_current()
    # So does what SQLite is asked once a process, whether it knows JSON.
    assert connection.features.supports_json_field

    class Count:
        def __enter__(self):
            self.context = CaptureQueriesContext(connection)
            self.context.__enter__()
            return self

        def __exit__(self, *raised):
            self.context.__exit__(*raised)
            self.statements = self.only(self.context.captured_queries)

        def only(self, queries, begin=None, end=None):
            return [query["sql"] for query in list(queries)[begin:end] if not query["sql"].startswith(TRANSACTION_CONTROL)]

        @property
        def total(self):
            return len(self.statements)

        @property
        def writes(self):
            return sum(not sql.startswith("SELECT") for sql in self.statements)

    return Count()


@pytest.fixture
def ten_phones(alice, phone):
    """Nine more authenticator apps of Alice's."""
    return [TOTPDevice.objects.create(user=alice, name=f"Phone {n}", confirmed=True) for n in range(9)]


def test_a_password_of_a_user_without_a_factor(client, bob, count):
    with count:
        give_password(client, bob)
    assert count.total <= 8, count.statements


def test_a_password_of_a_user_with_a_factor(client, alice, phone, count):
    with count:
        give_password(client, alice)
    assert count.total <= 5, count.statements


def test_the_challenge_page(client, alice, phone, count):
    give_password(client, alice)
    with count:
        client.get(reverse("two-factor-authenticate"))
    assert count.total <= 3, count.statements


@pytest.mark.parametrize("phones", [1, 10])
def test_a_wrong_code_costs_the_same_with_one_device_as_with_ten(client, alice, phone, phones, request, count):
    if phones > 1:
        request.getfixturevalue("ten_phones")
    give_password(client, alice)
    with count:
        give_answer(client, wrong_code_of(phone))
    assert (count.total, count.writes) == (6, 3), count.statements  # the budget, the device's count, and the audit log


class Left:
    """A middleware outside of all others, which notes how many statements there were when the response left."""

    at: ClassVar[int] = -1

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        Left.at = len(connection.queries_log)
        return response


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("event", ["a wrong code", "a recovery code"])
def test_a_mail_costs_the_request_no_statement(client, alice, phone, settings, count, mailoutbox, event):
    codes = registry.recovery.renew(alice, 3)
    give_password(client, alice)
    settings.MIDDLEWARE = ["tests.queries.test_counts.Left", *settings.MIDDLEWARE]
    same = Client()
    same.cookies = client.cookies
    with count:
        give_answer(same, wrong_code_of(phone) if event == "a wrong code" else codes[0])
        first = count.context.initial_queries
        in_the_request, after = (count.only(connection.queries_log, first, Left.at), count.only(connection.queries_log, Left.at, None))
    assert len(in_the_request) == (6 if event == "a wrong code" else 16), in_the_request
    # The address; and whether a mail was sent within six hours, and that one is sent now.
    assert len(after) == (3 if event == "a wrong code" else 1), after
    assert len(mailoutbox) == 1


@pytest.mark.parametrize("phones", [1, 10])
def test_a_right_code_costs_the_same_by_the_last_of_ten_devices(client, alice, phone, phones, request, count):
    last = request.getfixturevalue("ten_phones")[-1] if phones > 1 else phone
    give_password(client, alice)
    with count:
        give_answer(client, code_of(last), device=last.persistent_id)
    assert is_logged_in(client)
    assert count.total <= 13, count.statements  # one of them asks how many browsers are known


def test_a_login_by_recovery_code(client, alice, phone, count):
    codes = registry.recovery.renew(alice, 3)
    give_password(client, alice)
    with count:
        give_answer(client, codes[0])
    assert is_logged_in(client)
    assert count.total == 16, count.statements  # two rows of the audit log: the code that was used, and the login


def test_the_enrollment_page(client, alice, count):
    give_password(client, alice)
    with count:
        client.get(reverse("two-factor-setup"))
    assert (count.total, count.writes) == (5, 2), count.statements


# In the next tests what is done after a commit is done, the mail to the owner aside.


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times_before", [0, 1])
def test_the_first_code_of_an_authenticator_app(client, alice, settings, count, times_before):
    settings.ALLAUTH_2FA_NOTIFY = False
    for time in range(times_before + 1):
        give_password(client, alice)
        client.get(reverse("two-factor-setup"))
        code = code_of(TOTPDevice.objects.get())
        with count:
            response = client.post(reverse("two-factor-setup"), {"otp_token": code})
        assert response["Location"] == reverse("two-factor-backup-tokens")
        assert SessionsEnd.objects.filter(user=alice).exists()
        if time < times_before:
            turn_off.remove_all(alice)
    # The session and its user; the apps; the user's lock, how many devices there are, the device, the end of the sessions (2)
    # and the audit log; the session's new key (4) and the audit log; the browser (3), of which a known one costs one less.
    assert (count.total, count.writes) == (17 - times_before, 9), count.statements


@pytest.mark.django_db(transaction=True)
def test_the_first_code_of_a_further_app(client, alice, phone, settings, count):
    settings.ALLAUTH_2FA_NOTIFY = False
    login_verified(client, alice, phone)
    page = reverse("two-factor-add", args=["totp"])
    client.get(page)
    code = code_of(TOTPDevice.objects.get(confirmed=False))
    with count:
        response = client.post(page, {"otp_token": code})
    assert response["Location"] == reverse("two-factor-overview")
    assert count.total <= 18, count.statements


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times_before", [0, 1])
def test_making_ten_recovery_codes(client, alice, phone, settings, count, times_before):
    settings.ALLAUTH_2FA_NOTIFY = False
    settings.ALLAUTH_2FA_BACKUP_TOKENS_NUMBER = 10
    login_verified(client, alice, phone)
    for _ in range(times_before):
        client.post(reverse("two-factor-backup-tokens"))
    with count:
        response = client.post(reverse("two-factor-backup-tokens"))
    assert len(response.context["backup_tokens"]) == 10
    # The session, its user and its device; the user's lock, the list, its codes (2), static tokens, and the audit log.
    assert (count.total, count.writes) == (9, 6), count.statements


def test_a_page_that_asks_for_the_user_of_a_verified_session(client, alice, phone, count):
    login_verified(client, alice, phone)
    with count:
        response = client.get("/")
    assert "alice" in response.text
    assert count.total == 3, count.statements  # the session, the user, and django-otp's device


def test_a_login_elsewhere_costs_a_verified_session_one_look_more_once(client, alice, phone, count):
    login_verified(client, alice, phone)
    login_verified(Client(), alice, phone)
    with count:
        client.get("/")
    assert (count.total, count.writes) == (5, 1), count.statements  # the moment of the last end, and the session is written
    with count:
        client.get("/")
    assert count.total == 3, count.statements


def test_an_ended_session_costs_one_look_and_its_deletion(client, alice, phone, count):
    login_verified(client, alice, phone)
    ending.end_all(alice)
    with count:
        client.get("/")
    assert (count.total, count.writes) == (6, 1), count.statements  # the moment, and the session is looked up and deleted


def test_a_page_that_asks_for_a_user_without_a_factor(client, bob, count):
    give_password(client, bob)
    with count:
        client.get("/")
    assert count.total == 2, count.statements


def test_a_page_that_does_not_ask_for_the_user(client, alice, phone, count):
    login_verified(client, alice, phone)
    with count:
        response = client.get("/plain/")
    assert count.total == 0, count.statements
    assert "Cookie" not in response.headers.get("Vary", "")


@pytest.mark.urls("tests.attacks.urls")
@pytest.mark.parametrize(("has_proved", "expected"), [(False, 4), (True, 3)])
def test_a_page_that_asks_for_allauths_reauthentication(client, alice, phone, count, has_proved, expected):
    login_verified(client, alice, phone)
    if has_proved:
        client.post(reverse("two-factor-reauthenticate"), {"otp_token": code_of(phone)})
    with count:
        client.get("/sensitive/")
    # The session, the user and django-otp's device, as on any page; who has to be asked costs one query more.
    assert count.total <= expected, count.statements


@pytest.mark.parametrize("required", ["everyone", "group:Accounting", "tests.queries.test_counts.is_anybody"])
@pytest.mark.parametrize("rows", [{}, {"superusers": []}, {"everyone": ["totp"]}, {"group:Chiefs": ["totp"], "everyone": ["totp"]}])
def test_a_verified_session_costs_nothing_more_where_a_factor_is_required(client, alice, phone, settings, count, required, rows):
    settings.ALLAUTH_2FA_REQUIRED = required
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = rows
    login_verified(client, alice, phone)
    with count:
        assert "alice" in client.get("/").text
    assert count.total == 3, count.statements


def test_a_user_who_is_free_by_a_word_costs_nothing_more(client, bob, settings, count):
    settings.ALLAUTH_2FA_REQUIRED = ["staff", "superusers"]
    give_password(client, bob)
    with count:
        client.get("/")
    assert count.total == 2, count.statements


@pytest.mark.parametrize("grace", [0, 14])
def test_a_user_in_the_grace_period_costs_nothing_more_while_that_is_cached(client, bob, settings, count, grace):
    settings.ALLAUTH_2FA_REQUIRED = "everyone" if grace else "group:Accounting"
    settings.ALLAUTH_2FA_GRACE_PERIOD = grace
    give_password(client, bob)
    with count:
        client.get("/")
    assert count.total == 2, count.statements


def test_the_first_look_at_an_unknown_session(client, bob, settings, count):
    client.force_login(bob)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ALLAUTH_2FA_GRACE_PERIOD = 14
    with count:
        client.get("/")
    # The session, the user; the devices twice (those that will do, and what the adapter takes for one), exemptions, the
    # grace period, which begins with an insert; the session that notes it (a look and an update).
    assert (count.total, count.writes) <= (10, 2), count.statements


def test_a_page_that_is_not_shown_to_a_user_who_lacks_a_factor(client, bob, settings, count):
    client.force_login(bob)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    client.get("/")
    with count:
        assert client.get("/").status_code == 302
    assert (count.total, count.writes) == (5, 0), count.statements


def test_a_password_of_a_user_who_lacks_a_required_factor(client, bob, settings, count):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    with count:
        give_password(client, bob)
    assert count.total <= 9, count.statements


def test_a_right_code_where_a_factor_is_required(client, alice, phone, settings, count):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    give_password(client, alice)
    with count:
        give_answer(client, code_of(phone))
    assert is_logged_in(client)
    assert count.total <= 13, count.statements


def test_the_setup_page_of_a_login_that_waits_and_its_code(client, alice, settings, count):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    give_password(client, alice)
    with count:
        client.get(reverse("two-factor-setup"))
    assert (count.total, count.writes) <= (9, 2), count.statements
    device = TOTPDevice.objects.get()
    with count:
        client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    assert is_logged_in(client)
    assert count.total <= 28, count.statements


def is_anybody(_user):
    """Mean everybody."""
    return True


class EverybodyNeedsAFactor(BaseRequire2FAMiddleware):
    """Demands a factor of everybody."""

    def require_2fa(self, request):
        return True


def test_a_page_that_reads_the_user_where_a_factor_is_required(client, alice, phone, settings, count):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.queries.test_counts.EverybodyNeedsAFactor"]
    login_verified(client, alice, phone)
    with count:
        response = client.get("/")
    assert "alice" in response.text
    assert count.total == 3, count.statements


# Trusted browsers


@pytest.fixture
def trusted(client, alice, phone, settings):
    """A browser that Alice trusts, in which nobody is logged in."""
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
    give_password(client, alice)
    give_answer(client, code_of(phone), trust="on")
    del client.cookies["sessionid"]
    return client


def test_a_password_costs_no_more_where_trust_is_on_and_the_browser_has_no_cookie(client, alice, phone, settings, count):
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
    with count:
        give_password(client, alice)
    assert count.total <= 5, count.statements


@pytest.mark.parametrize("is_void", [False, True])
def test_a_password_in_a_known_browser_that_is_not_trusted_costs_one_query_more(trusted, alice, count, is_void):
    if is_void:
        TOTPDevice.objects.create(user=alice)
    else:
        Browser.objects.update(trusted_until=None)
    with count:
        give_password(trusted, alice)
    assert not is_logged_in(trusted)
    assert count.total <= 6, count.statements


def test_a_password_that_is_enough_in_a_trusted_browser(trusted, alice, count):
    with count:
        give_password(trusted, alice)
    assert is_logged_in(trusted)
    # As without a factor, and: whether one is due, the look at the browser, its new value, and the audit log.
    assert count.total <= 8 + 4, count.statements


def test_a_page_that_asks_for_the_user_of_a_trusted_session(trusted, alice, count):
    give_password(trusted, alice)
    with count:
        assert "alice" in trusted.get("/").text
    assert count.total == 2, count.statements  # the session and the user, as without a factor


def test_a_trusted_session_is_looked_at_again_with_one_query(trusted, alice, count, settings):
    give_password(trusted, alice)
    settings.ALLAUTH_2FA_GUARD_RECHECK = 0
    with count:
        assert "alice" in trusted.get("/").text
    # The session, the user, whether the session was ended, and the trust. Then the session is written, if the second has changed.
    assert 4 <= count.total <= 5, count.statements


def test_a_right_code_with_the_box_ticked(client, alice, phone, settings, count):
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
    give_password(client, alice)
    with count:
        give_answer(client, code_of(phone), trust="on")
    # The row of the browser, the devices, the trust, and the audit log.
    assert count.total <= 13 + 4, count.statements
