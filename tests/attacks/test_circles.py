"""A session that the guard has turned around, and that nobody has led on yet, does not go round in a circle."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.cast import PASSWORD, code_of, give_answer, is_logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("phone")]

LOGIN = "/accounts/login/"


def test_the_login_page_leads_to_the_challenge_of_a_session_that_became_a_pending_login(client, alice):
    client.force_login(alice)
    page = client.get(LOGIN, follow=True)
    assert page.redirect_chain == [(reverse("two-factor-authenticate"), 302)]
    assert page.status_code == 200


def test_on_a_site_without_our_middleware_a_foreign_login_does_not_go_round_in_a_circle(client, alice, phone, settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("allauth_2fa.")]
    client.post("/logins/django/", {"username": alice.username, "password": PASSWORD})
    assert not is_logged_in(client)
    page = client.get(LOGIN, follow=True)
    assert page.redirect_chain == [(reverse("two-factor-authenticate"), 302)]
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_a_script_that_asks_for_the_login_page_is_not_sent_in_a_circle(client, alice):
    script = {"HTTP_SEC_FETCH_DEST": "empty", "HTTP_SEC_FETCH_MODE": "cors"}
    client.post("/logins/django/", {"username": alice.username, "password": PASSWORD}, **script)
    page = client.get(LOGIN, follow=True, **script)
    assert page.status_code == 200


def test_e_mail_verification_still_applies_after_the_challenge(client, alice, phone, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    client.force_login(alice)
    client.get(LOGIN, follow=True)
    assert give_answer(client, code_of(phone))["Location"] == reverse("account_email_verification_sent")
    assert not is_logged_in(client)
