"""A view that asks for a fresh second factor, and everybody who opens it without one."""

from __future__ import annotations

import base64
import time

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryDevice
from allauth_2fa.sessions.stepup import TwoFactor
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_password, wrong_code_of

from . import urls

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.sessions.urls")]

REAUTHENTICATE = "/accounts/two-factor/factors/reauthenticate/"
SCRIPT = {"Sec-Fetch-Dest": "empty"}
FRESH_PAGES = ["/pay/", "/keys/", "/pay-async/"]


@pytest.fixture(autouse=True)
def _nothing_is_paid():
    urls.PAID.clear()


@pytest.fixture
def verified(client, alice, phone):
    login_verified(client, alice, phone)
    return client


def age(client, seconds):
    """Let what the session has proved be older."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def test_a_verified_session_is_served(verified):
    assert verified.get("/vault/").text == "vault of alice"


def test_an_anonymous_visitor_is_led_to_the_login_and_back(client):
    assert client.get("/vault/?a=b").url == f"{reverse('account_login')}?next=/vault/%3Fa%3Db"


def test_a_user_without_a_factor_is_led_to_set_one_up(client, bob):
    give_password(client, bob)
    assert client.get("/vault/").url == f"{reverse('two-factor-overview')}?next=%2Fvault%2F"


def test_recovery_codes_alone_prove_nothing(client, bob):
    RecoveryDevice.renew(bob.pk, 1)
    give_password(client, bob)
    assert client.get("/vault/").status_code == 302


@pytest.mark.parametrize("page", FRESH_PAGES)
def test_an_answer_grows_old(verified, page):
    assert verified.get(page).status_code == 200
    age(verified, 61)
    response = verified.get(page)
    assert response.url == f"{REAUTHENTICATE}?next={page.replace('/', '%2F')}"
    assert "no-store" in response["Cache-Control"]
    assert verified.get("/vault/").status_code == 200


def test_after_the_answer_the_visitor_is_back_where_they_were(verified, phone):
    age(verified, 61)
    address = verified.get("/pay/?to=bob").url
    response = verified.post(address, {"otp_token": code_of(phone)})
    assert response.url == "/pay/?to=bob"
    assert verified.get(response.url).status_code == 200


@pytest.mark.parametrize("query", ["", "?to=bob"])
def test_a_blocked_post_resumes_once(verified, phone, query):
    age(verified, 61)
    address = verified.post(f"/pay/{query}", {"amount": "7"}).url
    assert urls.PAID == []
    verified.post(address, {"otp_token": wrong_code_of(phone)})
    assert urls.PAID == []
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert verified.post(address, {"otp_token": code_of(phone)}).text == "paid 1"
    assert [{"amount": "7", "to": query[4:]}] == urls.PAID
    verified.get(address)
    assert len(urls.PAID) == 1


def test_the_password_is_no_second_factor(verified):
    age(verified, 61)
    verified.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert verified.get("/pay/").status_code == 302


def test_a_clock_that_was_set_back_makes_no_answer_fresh(verified):
    age(verified, -3600)
    assert verified.get("/pay/").status_code == 302


@pytest.mark.parametrize("at", ["soon", None, 1e300, [1]])
def test_a_record_that_is_garbage_is_no_answer(verified, at):
    session = verified.session
    session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": at}]
    session.save()
    assert verified.get("/vault/").status_code == 302


def test_the_records_of_a_session_whose_device_is_gone_count_for_nothing(verified, alice, phone):
    TOTPDevice.objects.create(user=alice)
    phone.delete()
    assert verified.get("/vault/", headers=SCRIPT).status_code == 403


def test_a_factor_may_be_asked_for_by_name(verified):
    response = verified.get("/by-token/", headers=SCRIPT)
    assert response.json()["meta"] == {"missing": "factor"}


@pytest.mark.parametrize(("who", "missing"), [("nobody", "login"), ("bob", "factor"), ("alice", "proof")])
def test_a_script_is_told_what_is_missing(client, alice, phone, bob, who, missing):
    if who == "bob":
        give_password(client, bob)
    if who == "alice":
        login_verified(client, alice, phone)
        age(client, 61)
    response = client.get("/pay/", headers=SCRIPT)
    assert (response.status_code, response.json()["meta"]["missing"]) == (403, missing)
    rest = client.get("/rest/")
    assert rest.status_code in {401, 403}
    # Who is nobody gets REST framework's own words.
    assert rest.json().get("missing", "login") == missing
    ninja = client.get("/ninja/keys")
    assert ninja.status_code == (401 if missing == "login" else 403)


def test_a_fresh_session_is_served_by_both_frameworks(verified):
    assert verified.get("/rest/").json() == verified.get("/ninja/keys").json() == {"ok": True}


def test_a_user_who_comes_by_another_way_than_the_session_has_proved_nothing(verified, bob):
    for name in ("bob", "alice"):
        credentials = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        response = verified.get("/rest-basic/", headers={"Authorization": f"Basic {credentials}"})
        assert response.status_code == 403, name


async def _look(cookie):
    client = AsyncClient()
    client.cookies["sessionid"] = cookie
    return (await client.get("/pay-async/", headers=SCRIPT)).status_code


@pytest.mark.django_db(transaction=True)
def test_an_async_view_asks_as_well(verified):
    cookie = verified.cookies["sessionid"].value
    assert async_to_sync(_look)(cookie) == 200
    age(verified, 61)
    assert async_to_sync(_look)(cookie) == 403


def test_views_and_templates_read_what_was_proved(verified):
    # On a busy machine the answer may be some seconds old already.
    with time_machine.travel(verified.session["account_authentication_methods"][-1]["at"] + 0.2, tick=False):
        assert verified.get("/about/").text == "True totp 0"
    assert Client().get("/about/").text == "False  "


def test_a_view_reads_when_the_session_was_verified(alice, phone, rf):
    request = rf.get("/")
    request.user = alice
    assert TwoFactor(request).verified_at is None
    alice.otp_device = phone
    now = time.time()
    request.session = {
        "account_authentication_methods": [{"method": "mfa", "type": "totp", "at": now}],
        "account_authentication_methods_user": str(alice.pk),
    }
    assert TwoFactor(request).verified_at.timestamp() == pytest.approx(now)


def test_the_latest_answer_is_the_one_that_is_told(verified, phone):
    age(verified, 100)
    session = verified.session
    now = time.time()
    session["account_authentication_methods"] += [{"method": "mfa", "type": "recovery_codes", "at": now - 7}]
    session.save()
    with time_machine.travel(now, tick=False):
        assert verified.get("/about/").text == "True recovery_codes 7"


@pytest.fixture
def boss():
    return User.objects.create_superuser("boss", "boss@example.com", PASSWORD)


def test_an_action_of_the_admin_asks_before_it_is_done(client, boss, bob):
    device = TOTPDevice.objects.create(user=boss)
    login_verified(client, boss, device)
    fields = {"action": "shut_out", "_selected_action": [str(bob.pk)]}
    age(client, 61)
    address = client.post("/admin/auth/user/", fields).url
    assert address.startswith(REAUTHENTICATE)
    bob.refresh_from_db()
    assert bob.is_active
    client.post(address, {"otp_token": code_of(device)})
    bob.refresh_from_db()
    assert not bob.is_active


def test_the_admin_site_class_is_secured(client, boss):
    give_password(client, boss)
    assert client.get("/admin/").status_code in {302, 403}
    assert client.get("/admin/login/").status_code == 403
    device = TOTPDevice.objects.create(user=boss)
    other = Client()
    login_verified(other, boss, device)
    assert other.get("/admin/").status_code == 200


def test_what_was_proved_costs_no_query_of_its_own(verified, django_assert_num_queries):
    with django_assert_num_queries(3):
        verified.get("/pay/")
