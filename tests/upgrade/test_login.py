"""Logging in, as 0.x promised it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.hashers import make_password
from django.urls import reverse

from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending, log_in, wrong_code_of

pytestmark = pytest.mark.django_db

AUTHENTICATE = "/accounts/two-factor/authenticate/"


def query_of(response) -> dict[str, list[str]]:
    return parse_qs(urlsplit(response["Location"]).query)


def test_a_user_without_a_device_is_logged_in_at_once(client, bob, logins):
    response = give_password(client, bob)
    assert response["Location"] == "/"
    assert is_logged_in(client)
    assert logins == ["django", "allauth"]


def test_a_user_with_a_device_is_asked_for_a_code(client, alice, phone):
    response = give_password(client, alice)
    assert urlsplit(response["Location"]).path == AUTHENTICATE
    assert not is_logged_in(client)
    response = give_answer(client, code_of(phone))
    assert response["Location"] == "/"
    assert client.get("/").text == "user: alice"


@pytest.mark.usefixtures("unfinished")
def test_an_unconfirmed_device_asks_for_nothing(client, alice):
    assert give_password(client, alice)["Location"] == "/"
    assert is_logged_in(client)


@pytest.mark.usefixtures("tokens")
def test_recovery_tokens_alone_ask_for_nothing(client, alice):
    assert give_password(client, alice)["Location"] == "/"
    assert is_logged_in(client)


def test_a_wrong_code_shows_the_page_again(client, alice, phone):
    give_password(client, alice)
    response = give_answer(client, wrong_code_of(phone))
    assert response.status_code == 200
    assert "allauth_2fa/authenticate.html" in [template.name for template in response.templates]
    assert response.context["form"].errors["otp_token"]
    assert not is_logged_in(client)


@pytest.mark.usefixtures("phone")
def test_the_page_finds_the_user_and_the_field_in_its_form(client, alice):
    give_password(client, alice)
    form = client.get(AUTHENTICATE).context["form"]
    assert form.user == alice
    assert "otp_token" in form.fields
    assert form.device is None


def test_the_session_key_of_0x_is_there_while_the_code_is_awaited_and_gone_before_and_after(client, alice, phone):
    client.get(reverse("account_login"))
    assert "allauth_2fa_user_id" not in client.session
    give_password(client, alice)
    assert client.session["allauth_2fa_user_id"] == str(alice.pk)
    give_answer(client, wrong_code_of(phone))
    assert client.session["allauth_2fa_user_id"] == str(alice.pk)
    phone.throttle_reset()
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    assert "allauth_2fa_user_id" not in client.session


def test_the_signals_are_sent_once_and_only_after_the_code(client, alice, phone, logins):
    give_password(client, alice)
    client.get(AUTHENTICATE)
    give_answer(client, wrong_code_of(phone))
    assert logins == []
    phone.throttle_reset()
    give_answer(client, code_of(phone))
    assert logins == ["django", "allauth"]


@pytest.mark.usefixtures("phone")
def test_the_query_string_of_the_login_is_carried_to_the_code_page(client, alice):
    response = give_password(client, alice, "?existing=param")
    assert query_of(response)["existing"] == ["param"]
    assert response["Location"].startswith(f"{AUTHENTICATE}?existing=param")


def test_next_of_the_query_string_is_carried_on_and_obeyed(client, alice, phone):
    response = give_password(client, alice, "?existing=param&next=/shop/till/")
    assert query_of(response) == {"existing": ["param"], "next": ["/shop/till/"]}
    assert give_answer(client, code_of(phone))["Location"] == "/shop/till/"


def test_next_of_the_posted_form_is_carried_on_and_obeyed(client, alice, phone):
    response = give_password(client, alice, "?existing=param", next="/shop/till/")
    assert query_of(response) == {"existing": ["param"], "next": ["/shop/till/"]}
    assert give_answer(client, code_of(phone))["Location"] == "/shop/till/"


def test_a_query_in_next_arrives_whole(client, alice, phone):
    response = give_password(client, alice, "?next=%2Fshop%2Ftill%2F%3Fa%3D1%26b%3D2")
    assert query_of(response)["next"] == ["/shop/till/?a=1&b=2"]
    assert give_answer(client, code_of(phone))["Location"] == "/shop/till/?a=1&b=2"


def test_next_to_another_host_is_dropped(client, alice, phone):
    response = give_password(client, alice, "?next=https://evil.example.org/")
    assert "evil" not in give_answer(client, code_of(phone))["Location"]
    assert urlsplit(response["Location"]).path == AUTHENTICATE


@pytest.mark.usefixtures("phone")
def test_a_recovery_token_logs_in_once(client, alice, tokens):
    give_password(client, alice)
    assert give_answer(client, tokens[0])["Location"] == "/"
    assert is_logged_in(client)
    client.logout()
    give_password(client, alice)
    give_answer(client, tokens[0])
    assert not is_logged_in(client)
    assert is_pending(client)


@pytest.mark.usefixtures("phone")
def test_a_token_of_any_static_device_logs_in(client, alice):
    alice.staticdevice_set.create(name="handed out by support").token_set.create(token="Sup-port1")
    give_password(client, alice)
    give_answer(client, "Sup-port1")
    assert is_logged_in(client)


def test_a_static_token_made_of_digits_is_no_answer_beside_an_app(client, alice, phone, tokens):
    alice.staticdevice_set.get().token_set.create(token=wrong_code_of(phone))
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    assert not is_logged_in(client)
    assert len(tokens) + 1 == alice.staticdevice_set.get().token_set.count()


@pytest.mark.usefixtures("phone")
def test_a_token_of_an_unconfirmed_static_device_is_refused(client, alice, tokens):
    alice.staticdevice_set.update(confirmed=False)
    give_password(client, alice)
    give_answer(client, tokens[0])
    assert not is_logged_in(client)


@pytest.mark.usefixtures("phone")
def test_a_token_of_somebody_else_is_refused(client, alice, bob):
    bob.staticdevice_set.create(name="backup").token_set.create(token="bobs2345")
    give_password(client, alice)
    give_answer(client, "bobs2345")
    assert not is_logged_in(client)


def test_the_code_page_without_a_pending_login_leads_to_the_login(client):
    response = client.get(AUTHENTICATE + "?next=/shop/")
    assert response["Location"] == reverse("account_login")
    response = client.post(AUTHENTICATE, {"otp_token": "123456"})
    assert response["Location"] == reverse("account_login")


def test_the_code_page_leads_a_logged_in_user_on(client, alice, phone):
    log_in(client, alice, phone)
    response = client.get(AUTHENTICATE, follow=True)
    assert response.redirect_chain[-1][0] == "/"
    assert response.text == "user: alice"


def test_loading_another_page_cancels_the_pending_login(client, alice, phone):
    give_password(client, alice)
    client.get("/")
    assert "allauth_2fa_user_id" not in client.session
    response = give_answer(client, code_of(phone))
    assert response["Location"] == reverse("account_login")
    assert not is_logged_in(client)


def test_a_cancelled_login_can_be_started_again(client, alice, phone):
    give_password(client, alice)
    client.get("/")
    log_in(client, alice, phone)
    assert is_logged_in(client)


def test_without_the_middleware_another_page_cancels_nothing(client, alice, phone, settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("allauth_2fa.")]
    give_password(client, alice)
    client.get("/")
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_the_session_is_bound_to_the_device_that_answered(client, alice, phone):
    log_in(client, alice, phone)
    request = client.get("/").wsgi_request
    assert request.user.is_verified()
    assert request.user.otp_device == phone


def test_the_session_key_changes_with_the_login(client, alice, phone):
    give_password(client, alice)
    before = client.session.session_key
    give_answer(client, code_of(phone))
    assert client.session.session_key != before


def test_a_changed_password_ends_the_pending_login(client, alice, phone):
    give_password(client, alice)
    alice.password = make_password("another")
    alice.save()
    assert give_answer(client, code_of(phone))["Location"] == reverse("account_login")
    assert not is_logged_in(client)
