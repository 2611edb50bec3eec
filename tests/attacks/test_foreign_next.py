"""Attack: have a login lead to another site."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

FOREIGN = [
    "//evil.example/",
    "https://evil.example/",
    "https:evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "JaVaScRiPt:alert(1)",
    " //evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "\x00//evil.example",
    "http://testserver@evil.example/",
    "//testserver:80@evil.example",
    "/ok/\r\nSet-Cookie: stolen=1",
    "%2f%2fevil.example",
]
AUTHENTICATE = "two-factor-authenticate"


def assert_stays_here(response):
    """Check where a redirect leads, as a browser reads it."""
    if not 300 <= response.status_code < 400:
        return
    location = response["Location"]
    assert "\r" not in location
    assert "\n" not in location
    cleaned = location.replace("\\", "/").strip().replace("\t", "")
    assert not cleaned.startswith("//")
    parts = urlsplit(cleaned)
    assert parts.scheme in {"", "http"}
    assert parts.netloc in {"", "testserver"}
    assert "stolen" not in response.cookies


@pytest.mark.parametrize("target", FOREIGN)
@pytest.mark.parametrize("where", ["query", "field"])
def test_a_foreign_next_at_the_login_is_not_followed(client, alice, phone, target, where):
    if where == "query":
        response = give_password(client, alice, "?" + urlencode({"next": target}))
    else:
        response = give_password(client, alice, next=target)
    assert_stays_here(response)
    response = client.post(response["Location"], {"otp_token": code_of(phone)})
    assert is_logged_in(client)
    assert_stays_here(response)


@pytest.mark.parametrize("target", FOREIGN)
def test_a_foreign_next_at_the_challenge_is_not_followed(client, alice, phone, target):
    give_password(client, alice)
    path = reverse(AUTHENTICATE) + "?" + urlencode({"next": target})
    assert_stays_here(client.get(path))
    response = client.post(path, {"otp_token": code_of(phone), "next": target})
    assert is_logged_in(client)
    assert_stays_here(response)
    assert_stays_here(client.get(path))


@pytest.mark.parametrize("target", FOREIGN)
def test_a_foreign_next_at_a_foreign_login_view_is_not_followed(client, alice, phone, target):
    path = "/logins/django/?" + urlencode({"next": target})
    response = client.post(path, {"username": "alice", "password": PASSWORD, "next": target})
    assert_stays_here(response)
    response = client.post(response["Location"], {"otp_token": code_of(phone)})
    assert is_logged_in(client)
    assert_stays_here(response)


@pytest.mark.parametrize("target", [text for text in FOREIGN if not set("\r\n") & set(text)])
def test_a_foreign_location_of_a_login_view_is_not_followed(client, alice, phone, target):
    response = client.post("/logins/custom/", {"username": "alice", "password": PASSWORD, "next": target})
    if response.status_code == 400:  # Django refuses the scheme itself
        return
    assert_stays_here(response)
    if not target.startswith("%"):  # what is escaped is a path on this site
        assert target.strip() not in parse_qs(urlsplit(response["Location"]).query).get("next", [])
    assert_stays_here(client.post(response["Location"], {"otp_token": code_of(phone)}))


@pytest.mark.parametrize("target", FOREIGN)
def test_a_foreign_referer_of_a_stopped_post_is_not_followed(client, alice, target):
    give_password(client, alice)
    device = TOTPDevice.objects.create(user=alice)
    session = client.session
    del session["allauth_2fa"]["checked_at"]
    session.save()
    response = client.post("/who/", headers={"Referer": target})
    assert_stays_here(response)
    assert reverse(AUTHENTICATE) in response["Location"]
    assert_stays_here(client.post(response["Location"], {"otp_token": code_of(device)}))


@pytest.mark.parametrize("target", FOREIGN)
@pytest.mark.parametrize("page", ["two-factor-reauthenticate", "two-factor-setup", "two-factor-remove", "two-factor-backup-tokens"])
def test_a_foreign_next_at_the_pages_of_a_session_is_not_followed(client, alice, phone, target, page):
    log_in(client, alice, phone)
    type(phone).objects.update(last_t=-1)
    path = reverse(page) + "?" + urlencode({"next": target})
    assert_stays_here(client.get(path))
    response = client.post(path, {"otp_token": code_of(phone), "next": target})
    assert_stays_here(response)


@pytest.mark.parametrize("target", FOREIGN)
def test_a_foreign_next_at_the_setup_is_not_followed(client, bob, target):
    give_password(client, bob)
    path = reverse("two-factor-setup") + "?" + urlencode({"next": target})
    client.get(path)
    device = TOTPDevice.objects.get(user=bob)
    response = client.post(path, {"otp_token": code_of(device), "next": target})
    assert response.status_code == 302
    assert_stays_here(response)


def test_an_answer_leads_where_the_login_was_going_and_not_where_the_last_request_says(client, alice, phone):
    give_password(client, alice, next="/members/")
    response = client.post(reverse(AUTHENTICATE) + "?next=/who/", {"otp_token": code_of(phone)})
    assert response["Location"] == "/members/"
    assert give_answer(client, "000000").status_code == 302
