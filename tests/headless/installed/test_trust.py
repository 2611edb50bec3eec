"""A single-page app is asked whether its browser is to be trusted."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from allauth_2fa.factors import registry
from allauth_2fa.models import Browser as Row
from tests.cast import code_of, give_answer, give_password, is_logged_in
from tests.headless.clients import App, Browser, pending

pytestmark = pytest.mark.django_db

TRUST = "auth/2fa/trust"


@pytest.fixture(autouse=True)
def _trust(settings):
    settings.ALLAUTH_2FA_TRUST_DAYS = 30


@pytest.fixture
def asked(alice, phone) -> Browser:
    """A browser whose user has answered, and is asked whether to trust it."""
    browser = Browser()
    browser.log_in(alice)
    assert pending(browser.answer(code_of(phone))) == {"id": "mfa_trust", "is_pending": True}
    assert browser.user() is None
    return browser


def trusted() -> int:
    return Row.objects.filter(trusted_until__isnull=False).count()


def log_in_again(browser, alice):
    browser.ask("DELETE", "auth/session")
    return browser.log_in(alice)


def test_a_browser_that_is_trusted_is_not_asked_for_a_code(asked, alice):
    assert asked.post(TRUST, {"trust": True}).status_code == 200
    assert asked.user() == "alice"
    assert trusted() == 1
    assert log_in_again(asked, alice).status_code == 200
    assert pending(Browser().log_in(alice))["id"] == "mfa_authenticate"


@pytest.mark.parametrize("answer", [{"trust": False}, {}, None])
def test_a_browser_that_is_not_trusted_is_asked_the_next_time(asked, alice, answer):
    assert asked.post(TRUST, answer).status_code == 200
    assert trusted() == 0
    assert pending(log_in_again(asked, alice))["id"] == "mfa_authenticate"


def test_an_app_is_not_asked(alice, phone):
    app = App()
    app.log_in(alice)
    assert app.answer(code_of(phone)).status_code == 200
    assert app.client.post("/_allauth/app/v1/" + TRUST).status_code == 404


def test_a_recovery_code_gives_no_trust(alice, phone):
    (code,) = registry.recovery.renew(alice, 1)
    browser = Browser()
    browser.log_in(alice)
    assert browser.answer(code).status_code == 200


def test_who_may_not_trust_is_not_asked(alice, phone, settings):
    settings.ALLAUTH_2FA_TRUST_STAFF = False
    alice.is_staff = True
    alice.save()
    browser = Browser()
    browser.log_in(alice)
    assert browser.answer(code_of(phone)).status_code == 200


def test_trust_alone_lets_nobody_in(alice, phone):
    browser = Browser()
    assert browser.post(TRUST, {"trust": True}).status_code == 401
    browser.log_in(alice)
    assert browser.post(TRUST, {"trust": True}).status_code == 401
    assert browser.user() is None
    assert trusted() == 0


def lose_the_device(alice, phone):
    phone.delete()


def change_the_password(alice, phone):
    user = User.objects.get(pk=alice.pk)
    user.set_password("another long one")
    user.save()


def be_deactivated(alice, phone):
    User.objects.filter(pk=alice.pk).update(is_active=False)


@pytest.mark.parametrize("happens", [lose_the_device, change_the_password, be_deactivated])
def test_what_happens_while_the_question_waits_ends_the_login(asked, alice, phone, happens):
    happens(alice, phone)
    assert asked.post(TRUST, {"trust": True}).status_code == 401
    assert asked.user() is None
    assert trusted() == 0


def test_a_page_has_its_box_and_asks_no_more(client, alice, phone):
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_a_visitor_who_leaves_for_a_page_begins_again(asked, alice, phone):
    """The question is the app's: no page asks it."""
    page = asked.client.get("/accounts/login/", headers={"Sec-Fetch-Dest": "document"}, follow=True)
    assert page.status_code == 200
    assert not is_logged_in(asked.client)
    give_password(asked.client, alice)
    assert asked.client.session["account_login"]["state"]["stages"]["current"] == "mfa_authenticate"
