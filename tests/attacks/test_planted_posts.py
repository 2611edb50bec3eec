"""Attack: leave a POST, or an account elsewhere, at allauth's reauthentication, so that the owner's answer completes it."""

from __future__ import annotations

import pytest
import time_machine
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.urls import DONE
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in, wrong_code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

SENSITIVE = "/sensitive/"
REAUTHENTICATE = "two-factor-reauthenticate"
SCRIPT = {"Sec-Fetch-Dest": "empty"}


@pytest.fixture(autouse=True)
def _nothing_done():
    DONE.clear()


@pytest.fixture
def clock():
    with time_machine.travel(1_750_000_005, tick=False) as traveller:
        yield traveller


@pytest.fixture
def inside(client, alice, phone, clock):
    """Alice's browser, logged in by password and code a minute ago."""
    log_in(client, alice, phone)
    clock.shift(60)
    return client


@pytest.fixture
def planted(inside):
    """Alice's browser, in which somebody has posted something that waits for her answer."""
    response = inside.post(SENSITIVE, {"what": "planted"})
    assert response["Location"].startswith(reverse(REAUTHENTICATE))
    return inside


def prove(client, phone, url=""):
    """Answer on the page of reauthentication, reached by that address or by a link to the page."""
    return client.post(url or f"{reverse(REAUTHENTICATE)}?next={SENSITIVE}", {"otp_token": code_of(phone)})


# What its owner goes on with


def test_the_owners_own_post_resumes_after_the_answer_once(inside, phone, clock):
    response = inside.post(SENSITIVE, {"what": "mine"})
    prove(inside, phone, response["Location"])
    assert DONE == ["POST mine"]
    clock.shift(60)
    prove(inside, phone, response["Location"])
    assert DONE == ["POST mine"]


def test_of_two_posts_the_later_one_is_done(planted, phone):
    response = planted.post(SENSITIVE, {"what": "mine"})
    prove(planted, phone, response["Location"])
    assert DONE == ["POST mine"]


def test_a_wrong_code_leaves_it_waiting_for_the_right_one(inside, phone, clock):
    response = inside.post(SENSITIVE, {"what": "mine"})
    inside.post(response["Location"], {"otp_token": wrong_code_of(phone)})
    assert DONE == []
    clock.shift(60)
    prove(inside, phone, response["Location"])
    assert DONE == ["POST mine"]


# What somebody else has left


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete"])
def test_a_look_at_the_page_ends_what_waited_there(planted, phone, method):
    response = getattr(planted, method)(SENSITIVE)
    prove(planted, phone, response["Location"])
    assert DONE == []


@pytest.mark.parametrize("page", ["two-factor-backup-tokens", "two-factor-setup"])
def test_a_look_at_a_page_of_ours_that_asks_for_an_answer_ends_it_too(planted, phone, clock, page):
    clock.shift(301)
    if page == "two-factor-setup":
        TOTPDevice.objects.create(user=phone.user, name="other")
        page = "two-factor-add"
        planted.get(reverse(page, args=["totp"]))
    else:
        planted.get(reverse(page))
    prove(planted, phone)
    assert DONE == []


def test_what_has_waited_too_long_is_not_done(planted, phone, clock, settings):
    settings.ACCOUNT_LOGIN_TIMEOUT = 900
    clock.shift(900)
    response = prove(planted, phone)
    assert response["Location"] == SENSITIVE
    assert DONE == []


def test_what_has_waited_a_little_less_is(planted, phone, clock, settings):
    settings.ACCOUNT_LOGIN_TIMEOUT = 900
    clock.shift(899)
    prove(planted, phone)
    assert DONE == ["POST planted"]


def test_what_comes_from_the_future_is_not_done(planted, phone, clock):
    clock.shift(-30)
    prove(planted, phone)
    assert DONE == []


def test_what_was_posted_before_anybody_was_logged_in_is_not_done_by_who_comes_next(client, alice, phone, clock):
    response = client.post(SENSITIVE, {"what": "planted"})
    assert response["Location"].startswith(reverse("account_login"))
    assert "account_reauthentication_state" not in client.session
    log_in(client, alice, phone)
    clock.shift(60)
    prove(client, phone)
    assert DONE == []


def test_what_was_posted_while_a_login_waited_for_the_code_is_not_done_by_the_code(client, alice, phone, clock):
    give_password(client, alice)
    client.post(SENSITIVE, {"what": "planted"}, headers=SCRIPT)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    clock.shift(60)
    prove(client, phone)
    assert DONE == []


def test_what_was_posted_in_a_session_that_the_guard_then_stopped_is_not_done_by_the_owner(client, alice, clock):
    give_password(client, alice)
    client.post(SENSITIVE, {"what": "planted"})
    app = TOTPDevice.objects.create(user=alice)
    clock.shift(301)
    client.get("/who/", headers=SCRIPT)
    assert not is_logged_in(client)
    give_answer(client, code_of(app))
    assert is_logged_in(client)
    clock.shift(60)
    prove(client, app)
    assert DONE == []


def test_what_another_user_left_is_not_done(planted, bob, phone):
    session = planted.session
    session["account_reauthentication_state"] = {**session["account_reauthentication_state"], "user": str(bob.pk)}
    session.save()
    prove(planted, phone)
    assert DONE == []


@pytest.mark.parametrize(
    "forged", [[], "text", 7, {}, {"request": "{}"}, {"request": "x", "user": None}, {"callback": "os.getcwd", "state": {}}]
)
def test_what_a_session_holds_that_nobody_has_left_there_is_ignored(planted, phone, forged):
    session = planted.session
    session["account_reauthentication_state"] = forged
    session.save()
    assert prove(planted, phone)["Location"] == SENSITIVE
    assert "account_reauthentication_state" not in planted.session


@pytest.mark.parametrize("at", [None, "now", [], {}])
def test_a_moment_that_is_none_is_too_long_ago(planted, phone, at):
    session = planted.session
    session["account_reauthentication_state"] = {**session["account_reauthentication_state"], "at": at}
    session.save()
    prove(planted, phone)
    assert DONE == []


def test_the_password_of_who_has_no_factor_does_nothing_that_was_planted_either(client, bob, clock):
    give_password(client, bob)
    client.post(SENSITIVE, {"what": "planted"})
    response = client.get(SENSITIVE)
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    client.post(response["Location"], {"password": PASSWORD})
    assert DONE == []
    client.get(SENSITIVE)
    assert DONE == ["GET"]


# An account elsewhere


@pytest.fixture
def connecting(inside, settings):
    """Alice's browser, in which somebody has begun to connect an account of theirs to hers."""
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = True
    response = inside.post("/accounts/dummy/login/?process=connect")
    response = inside.post(response["Location"], {"id": 7, "email": "mallory@example.com"})
    assert response["Location"] == reverse("account_reauthenticate")
    return inside


def test_an_account_elsewhere_is_not_connected_by_an_answer_to_another_request(connecting, alice, phone):
    response = connecting.get(SENSITIVE)
    prove(connecting, phone, response["Location"])
    assert not alice.socialaccount_set.exists()


def test_an_account_elsewhere_is_not_connected_by_an_answer_that_comes_too_late(connecting, alice, phone, clock):
    clock.shift(900)
    connecting.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone)})
    assert not alice.socialaccount_set.exists()


def test_only_the_answer_asked_for_it_allows_it(connecting, alice, phone):
    connecting.post(reverse(REAUTHENTICATE), {"otp_token": code_of(phone)})
    assert alice.socialaccount_set.get().uid == "7"
