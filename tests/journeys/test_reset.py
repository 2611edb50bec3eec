"""Loading another page while a second factor is pending cancels that login, and nothing else does."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from allauth_2fa.cookies import PENDING_COOKIE
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending

pytestmark = pytest.mark.django_db

PAGE = {"Sec-Fetch-Dest": "document"}


@pytest.fixture
def pending(client, alice, phone):
    """A browser that has given the password and is asked for the code."""
    give_password(client, alice)
    assert client.cookies[PENDING_COOKIE].value == "1"
    return client


@pytest.mark.parametrize("headers", [PAGE, {}, {"Accept": "text/html,application/xhtml+xml"}, {"Accept": "text/html, */*; q=0.01"}])
@pytest.mark.parametrize("path", ["/plain/", "/accounts/login/", "/admin/login/"])
def test_another_page_cancels_the_login(pending, path, headers):
    pending.get(path, headers=headers)
    assert not is_pending(pending)
    assert "allauth_2fa_user_id" not in pending.session
    assert pending.cookies[PENDING_COOKIE].value == ""
    assert pending.get(reverse("two-factor-authenticate"))["Location"] == reverse("account_login")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Dest": "style"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "serviceworker"},
        {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"Service-Worker": "script"},
        {"Accept": "image/avif,image/webp,image/png"},
        {"Accept": "application/json"},
        {"X-Requested-With": "XMLHttpRequest", "Accept": "*/*"},
        {"Accept": "*/*"},
        {"Accept": "application/json, text/plain, */*"},
        {"Accept": "*/*", "User-Agent": "node"},
        {"Content-Type": "application/json"},
    ],
)
def test_a_part_of_a_page_does_not_cancel_the_login(pending, phone, headers):
    pending.get("/plain/", headers=headers)
    assert is_pending(pending)
    give_answer(pending, code_of(phone))
    assert is_logged_in(pending)


@pytest.mark.parametrize(("path", "headers"), [("/plain/", {"Sec-Fetch-Dest": "image"}), ("/favicon.ico", {})])
def test_what_a_page_loads_late_does_not_end_the_session_that_has_begun_meanwhile(pending, phone, path, headers):
    """Browsers do not wait for the pictures of a page before they leave it, and one cookie jar takes all answers."""
    cookies = {name: morsel.value for name, morsel in pending.cookies.items()}
    give_answer(pending, code_of(phone))
    late = Client()
    for name, value in cookies.items():
        late.cookies[name] = value
    assert "sessionid" not in late.get(path, headers=headers).cookies


@pytest.mark.parametrize("path", ["/favicon.ico", "/no/such/page/", "/robots.txt", "/.well-known/change-password"])
def test_an_unknown_path_does_not_cancel_the_login(pending, phone, path):
    assert pending.get(path, headers=PAGE).status_code == 404
    assert is_pending(pending)
    give_answer(pending, code_of(phone))
    assert is_logged_in(pending)


def test_loading_the_challenge_again_does_not_cancel_the_login(pending, phone):
    for _ in range(3):
        assert pending.get(reverse("two-factor-authenticate"), headers=PAGE).status_code == 200
    give_answer(pending, code_of(phone))
    assert is_logged_in(pending)


def test_logout_cancels_the_login(pending):
    pending.post(reverse("account_logout"), {"next": reverse("account_login")})
    assert not is_pending(pending)
    assert "allauth_2fa_user_id" not in pending.session


def test_the_marker_goes_when_the_login_is_finished(pending, phone):
    give_answer(pending, code_of(phone))
    assert pending.cookies[PENDING_COOKIE].value == ""
    assert "allauth_2fa_user_id" not in pending.session
    pending.get("/plain/", headers=PAGE)
    assert is_logged_in(pending)


def test_a_pending_e_mail_verification_is_not_cancelled(client, alice, phone, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    give_password(client, alice)
    assert client.session["account_login"]["state"]["stages"]["current"] == "verify_email"
    client.cookies[PENDING_COOKIE] = "1"
    client.get("/plain/", headers=PAGE)
    assert client.session["account_login"]["state"]["stages"]["current"] == "verify_email"


def test_a_forged_marker_costs_a_look_and_changes_nothing(client, bob):
    client.cookies[PENDING_COOKIE] = "1"
    give_password(client, bob)
    client.cookies[PENDING_COOKIE] = "1"
    client.get("/plain/", headers=PAGE)
    assert is_logged_in(client)
    assert client.cookies[PENDING_COOKIE].value == ""


@pytest.mark.parametrize("value", ["", "0", "nonsense"])
def test_a_marker_that_was_taken_away_costs_no_look_at_the_session(client, bob, value, django_assert_num_queries):
    """Django's test client goes on sending a cookie that was taken away, emptied."""
    give_password(client, bob)
    client.cookies[PENDING_COOKIE] = value
    with django_assert_num_queries(0):
        response = client.get("/plain/", headers=PAGE)
    assert PENDING_COOKIE not in response.cookies
    assert "Cookie" not in response.headers.get("Vary", "")


def test_the_marker_has_the_session_cookies_care(client, alice, phone, settings):
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_PATH = "/accounts/"
    response = give_password(client, alice)
    marker = response.cookies[PENDING_COOKIE]
    assert (marker["httponly"], marker["secure"], marker["path"], marker["samesite"]) == (True, True, "/accounts/", "Lax")
    assert marker["max-age"] == 900
