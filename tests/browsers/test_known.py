"""Known browsers: a random cookie that proves nothing, renewed with each verified login."""

from __future__ import annotations

import pytest
from django.test import Client

from allauth_2fa.browsers import device_cookie
from allauth_2fa.models import Browser
from tests.cast import give_answer, give_password, is_logged_in, is_pending, log_in, wrong_code_of

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def ask(rf, client):
    """Return a request with the client's cookies."""
    request = rf.get("/")
    request.COOKIES = {name: morsel.value for name, morsel in client.cookies.items() if morsel.value}
    return request


def again(client, user, device):
    """Log in once more in the same browser, by the code that the device shows next."""
    del client.cookies["sessionid"]
    device.refresh_from_db()
    device.last_t = -1
    device.save()
    return log_in(client, user, device)


def test_a_verified_login_makes_the_browser_known(client, rf, alice, phone):
    client.defaults["HTTP_USER_AGENT"] = FIREFOX
    log_in(client, alice, phone)
    browser = device_cookie.known(ask(rf, client), alice)
    assert browser == Browser.objects.get(user=alice)
    assert (str(browser), browser.address, browser.trusted_until) == ("Firefox on Linux", "127.0.0.1", None)


def test_the_cookie_is_out_of_the_reach_of_scripts_and_other_sites(client, settings, alice, phone):
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_PATH = "/accounts/"
    settings.SESSION_COOKIE_DOMAIN = "testserver"
    give_password(client, alice, secure=True)
    client.cookies["sessionid"]["path"] = "/"
    cookie = log_in(client, alice, phone).cookies[device_cookie.COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"], cookie["domain"]) == (
        True,
        "Lax",
        True,
        "/accounts/",
        "testserver",
    )
    assert cookie["max-age"] == 365 * 24 * 60 * 60


def test_the_row_does_not_tell_the_cookie(client, alice, phone):
    cookie = log_in(client, alice, phone).cookies[device_cookie.COOKIE].value
    row = Browser.objects.values().get()
    assert not any(cookie in str(value) for value in row.values())
    assert len(cookie) == 24


@pytest.mark.parametrize("answer", [wrong_code_of, None], ids=["a wrong code", "no answer"])
def test_a_browser_in_which_nobody_has_verified_is_not_known(client, rf, alice, phone, answer):
    give_password(client, alice)
    if answer:
        give_answer(client, answer(phone))
    assert device_cookie.COOKIE not in client.cookies
    assert device_cookie.known(ask(rf, client), alice) is None
    assert not Browser.objects.exists()


def test_a_login_that_needs_no_second_factor_makes_no_browser_known(client, bob):
    give_password(client, bob)
    assert is_logged_in(client)
    assert device_cookie.COOKIE not in client.cookies


def test_a_known_browser_skips_nothing(client, alice, phone):
    log_in(client, alice, phone)
    del client.cookies["sessionid"]
    give_password(client, alice)
    assert is_pending(client)
    assert not is_logged_in(client)


def test_each_verified_login_replaces_the_value_and_keeps_the_row(client, rf, alice, phone):
    log_in(client, alice, phone)
    first, row = client.cookies[device_cookie.COOKIE].value, Browser.objects.get()
    again(client, alice, phone)
    assert client.cookies[device_cookie.COOKIE].value != first
    assert device_cookie.known(ask(rf, client), alice) == row == Browser.objects.get()


def test_a_copied_cookie_is_worth_nothing_once_its_owner_has_logged_in_again(client, rf, alice, phone):
    log_in(client, alice, phone)
    thief = Client()
    thief.cookies[device_cookie.COOKIE] = client.cookies[device_cookie.COOKIE].value
    assert device_cookie.known(ask(rf, thief), alice)
    again(client, alice, phone)
    assert device_cookie.known(ask(rf, thief), alice) is None


def test_a_cookie_that_was_planted_never_becomes_known(client, rf, alice, phone):
    planted = "x" * 24
    client.cookies[device_cookie.COOKIE] = planted
    log_in(client, alice, phone)
    attacker = Client()
    attacker.cookies[device_cookie.COOKIE] = planted
    assert device_cookie.known(ask(rf, attacker), alice) is None
    assert device_cookie.known(ask(rf, client), alice)


def test_a_browser_that_one_user_has_used_is_not_known_to_another(client, rf, alice, phone, bob):
    log_in(client, alice, phone)
    assert device_cookie.known(ask(rf, client), bob) is None


def test_users_of_one_browser_do_not_push_each_other_out(client, rf, alice, phone, django_user_model):
    log_in(client, alice, phone)
    others = [django_user_model.objects.create_user(f"user{number}") for number in range(5)]
    for user in others:
        request = ask(rf, client)
        device_cookie.remember(request, user)
        client.cookies[device_cookie.COOKIE] = request._allauth_2fa.browser_cookie
    request = ask(rf, client)
    assert all(device_cookie.known(request, user) for user in others)
    # The sixth one took the place of the one who was there longest ago.
    assert device_cookie.known(request, alice) is None


@pytest.mark.parametrize("cookie", ["", ".", "short", "x" * 23, "x" * 25, "ä" * 24, "x" * 24 + "." * 5, "../" * 8, "x" * 100_000])
def test_garbage_is_no_cookie(rf, alice, cookie, django_assert_num_queries):
    request = rf.get("/")
    request.COOKIES[device_cookie.COOKIE] = cookie
    with django_assert_num_queries(0):
        assert device_cookie.known(request, alice) is None


def test_a_revoked_browser_is_unknown_and_what_its_row_said_is_not_carried_over(client, rf, alice, phone):
    log_in(client, alice, phone)
    request = ask(rf, client)
    stale = device_cookie.known(request, alice)
    Browser.objects.all().delete()
    assert device_cookie.known(request, alice) is None
    assert device_cookie._renewed(request, stale, alice).pk != stale.pk


def test_a_second_look_in_one_request_writes_nothing(rf, alice, bob, django_assert_num_queries):
    request = rf.get("/")
    first = device_cookie.remember(request, alice)
    with django_assert_num_queries(0):
        assert device_cookie.remember(request, alice) is first
    assert device_cookie.remember(request, bob) != first


def test_the_row_of_all_other_browsers_is_not_among_the_known_ones(alice):
    Browser.all_rows.create(user=alice, digest=Browser.OTHERS)
    assert not Browser.objects.exists()


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Chrome on Windows",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("Opera/9.80 (Windows NT 6.1)", "Windows"),
        ("Safari", "Safari"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_called_what_people_call_it(user_agent, name):
    assert device_cookie.name_of(user_agent) == name


@pytest.mark.parametrize("address", ["", "unknown", "not an address"])
def test_an_address_that_cannot_be_told_is_left_out(rf, address):
    assert device_cookie.address_of(rf.get("/", REMOTE_ADDR=address)) is None


def test_a_known_browser_is_known_by_another_value_from_now_on(client, rf, alice, phone):
    log_in(client, alice, phone)
    before = Browser.objects.get(user=alice)
    row = device_cookie.remember(ask(rf, client), alice)
    assert row.pk == before.pk
    assert row.digest != before.digest
    assert Browser.objects.get(user=alice).digest == row.digest
