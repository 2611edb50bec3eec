"""Attack: with ``allauth.mfa`` installed too, get past one of the two."""

from __future__ import annotations

from base64 import b32decode, b32encode

import pytest
from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse
from django_otp import oath
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.testing import login_verified
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db

LOGIN_VIEWS = ["/logins/django/", "/logins/custom/", "/logins/async/", "/logins/saved/"]
SCRIPT = {"Sec-Fetch-Dest": "empty"}


SECRET = b32encode(b"twenty bytes of hers").decode()


def activate(user):
    """Give the user an authenticator app that ``allauth.mfa`` knows."""
    return Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": SECRET})


@pytest.fixture
def authenticator(alice):
    """An authenticator app of Alice's that ``allauth.mfa`` knows."""
    return activate(alice)


@pytest.fixture
def recovery_code(alice, authenticator):
    """A recovery code that goes with it."""
    Authenticator.objects.create(user=alice, type=Authenticator.Type.RECOVERY_CODES, data={"migrated_codes": ["12345678"]})
    return "12345678"


def mfa_code():
    """Return what the app shows."""
    return f"{oath.totp(b32decode(SECRET)):06d}"


def give_mfa_answer(client, code):
    return client.post(reverse("mfa_authenticate"), {"code": code})


def test_a_user_of_allauth_mfa_alone_is_asked_by_it(client, alice, authenticator):
    response = give_password(client, alice)
    assert response["Location"] == reverse("mfa_authenticate")
    assert who(client) == NOBODY
    give_answer(client, "123456")
    assert not is_logged_in(client)
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    assert who(client)["user"] == "alice"
    assert client.get("/who/").status_code == 200


def test_a_planted_key_does_not_lead_to_the_page_of_allauth_mfa(client, alice, authenticator):
    """Whoever planted the key does not know the password, and may not guess codes."""
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = session.session_key
    spy = Client()
    spy.cookies["sessionid"] = session.session_key
    assert give_password(client, alice)["Location"] == reverse("mfa_authenticate")
    assert client.cookies["sessionid"].value != session.session_key
    assert give_mfa_answer(spy, mfa_code())["Location"].startswith(reverse("account_login"))
    assert who(spy) == NOBODY
    give_mfa_answer(client, mfa_code())
    assert who(client)["user"] == "alice"


@pytest.mark.parametrize("login_view", LOGIN_VIEWS)
@pytest.mark.parametrize("headers", [{}, SCRIPT])
def test_a_user_of_allauth_mfa_alone_is_asked_after_a_foreign_login_view(client, alice, authenticator, login_view, headers):
    response = client.post(login_view, {"username": "alice", "password": PASSWORD}, headers=headers)
    assert not is_logged_in(client)
    assert who(client) == NOBODY
    assert response.status_code == (403 if headers else 302)
    page = client.get(response["Location"] if not headers else response.json()["data"]["flows"][0]["url"], follow=True)
    assert page.status_code == 200
    give_mfa_answer(client, mfa_code())
    assert who(client)["user"] == "alice"
    assert client.get("/who/").status_code == 200


def test_our_users_are_asked_by_us_and_not_logged_in_by_the_other(client, alice, phone, authenticator):
    response = give_password(client, alice)
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    give_mfa_answer(client, mfa_code())
    assert not is_logged_in(client)
    assert who(client) == NOBODY
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert who(client)["user"] == "alice"
    assert client.get("/who/").status_code == 200


@pytest.mark.parametrize("login_view", LOGIN_VIEWS)
def test_our_users_are_asked_by_us_after_a_foreign_login_view(client, alice, phone, authenticator, login_view):
    client.post(login_view, {"username": "alice", "password": PASSWORD})
    give_mfa_answer(client, mfa_code())
    assert not is_logged_in(client)
    client.post(login_view, {"username": "alice", "password": PASSWORD})
    give_answer(client, code_of(phone))
    assert who(client)["user"] == "alice"


def test_our_users_without_an_authenticator_do_not_get_past_by_the_other_page(client, alice, phone):
    give_password(client, alice)
    for data in ({"code": "123456"}, {"code": ""}, {"credential": "{}"}, {}):
        give_mfa_answer(client, data.get("code", ""))
        client.post(reverse("mfa_authenticate"), data)
        assert not is_logged_in(client)


def test_the_device_of_ours_that_goes_meanwhile_does_not_open_the_others_page(client, alice, phone, authenticator):
    give_password(client, alice)
    phone.delete()
    give_mfa_answer(client, "000000")
    assert not is_logged_in(client)


def test_an_authenticator_enrolled_elsewhere_stops_a_session_that_needed_nothing(client, alice):
    give_password(client, alice)
    assert who(client)["user"] == "alice"
    activate(alice)
    session = client.session
    session["allauth_2fa"]["checked_at"] = 0
    session.save()
    assert who(client) == NOBODY


def test_the_mark_of_the_other_does_not_outlive_a_login(client, alice, authenticator):
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    assert is_logged_in(client)
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD})
    assert not is_logged_in(client)
    assert who(client) == NOBODY


def test_the_mark_of_the_other_does_not_cover_a_device_of_ours_that_is_enrolled_later(client, alice, authenticator):
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    TOTPDevice.objects.create(user=alice)
    session = client.session
    session["allauth_2fa"].pop("checked_at", None)
    session.save()
    assert who(client) == NOBODY


def test_recovery_codes_of_the_other_answer_its_own_challenge_and_not_ours(client, alice, phone, recovery_code):
    give_password(client, alice)
    give_answer(client, recovery_code)
    assert not is_logged_in(client)
    TOTPDevice.objects.all().delete()
    give_password(client, alice)
    give_mfa_answer(client, recovery_code)
    assert who(client)["user"] == "alice"


def test_somebody_with_an_authenticator_needs_more_than_the_password_to_enroll_with_us(client, alice, authenticator):
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": 1}, {"method": "mfa", "at": 1}]
    session.save()
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    response = client.get(reverse("two-factor-setup"))
    assert response.status_code == 302
    assert not TOTPDevice.objects.exists()


# Reauthentication


def test_the_password_sets_up_no_authenticator_that_could_answer_for_our_device(client, alice, phone):
    """A user who has a session and the password would else become the owner by an authenticator of their own."""
    login_verified(client, alice, phone)
    response = client.get(reverse("mfa_activate_totp"))
    assert response["Location"].startswith(reverse("two-factor-reauthenticate"))
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert client.get(reverse("mfa_activate_totp"))["Location"].startswith(reverse("two-factor-reauthenticate"))
    client.post(reverse("two-factor-reauthenticate"), {"otp_token": code_of(phone)})
    assert client.get(reverse("mfa_activate_totp")).status_code == 200


def test_the_others_page_asks_nobody_who_has_our_device_alone(client, alice, phone):
    login_verified(client, alice, phone)
    for data in ({"code": "123456"}, {"code": code_of(phone)}):
        response = client.post(reverse("mfa_reauthenticate"), data)
        assert response["Location"] == reverse("two-factor-reauthenticate")
    assert client.get(reverse("mfa_activate_totp")).status_code == 302


def test_a_user_who_has_both_is_offered_both_and_not_the_password(client, alice, phone, recovery_code):
    methods = get_adapter().get_reauthentication_methods(alice)
    assert [method["url"] for method in methods] == [reverse("two-factor-reauthenticate"), reverse("mfa_reauthenticate")]
    login_verified(client, alice, phone)
    page = client.get(reverse("two-factor-reauthenticate"))
    assert [way["url"] for way in page.context["reauthentication_alternatives"]] == [reverse("mfa_reauthenticate")]
    client.post(reverse("mfa_reauthenticate"), {"code": recovery_code})
    assert client.get(reverse("two-factor-backup-tokens")).status_code == 200
    assert client.get(reverse("mfa_view_recovery_codes")).status_code == 200


def test_a_user_who_has_theirs_alone_is_offered_theirs_alone(client, alice, authenticator):
    methods = get_adapter().get_reauthentication_methods(alice)
    assert [method["url"] for method in methods] == [reverse("mfa_reauthenticate")]
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    assert client.get(reverse("two-factor-reauthenticate"))["Location"] == reverse("mfa_reauthenticate")


def test_a_user_without_a_password_is_asked_by_either(client, alice, phone):
    alice.set_unusable_password()
    alice.save()
    login_verified(client, alice, phone)
    assert client.get(reverse("mfa_activate_totp"))["Location"].startswith(reverse("two-factor-reauthenticate"))


# A stage that comes after ours


@pytest.fixture
def _later(settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"


@pytest.mark.usefixtures("_later")
def test_an_authenticator_that_came_while_the_login_waited_elsewhere_is_asked_for(client, alice):
    give_password(client, alice)
    activate(alice)
    assert client.post("/later/")["Location"] == reverse("mfa_authenticate")
    assert who(client) == NOBODY
    give_mfa_answer(client, mfa_code())
    assert who(client)["user"] == "alice"


@pytest.mark.usefixtures("_later")
def test_our_device_that_came_after_the_others_answer_is_asked_for_too(client, alice, authenticator):
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    ours = TOTPDevice.objects.create(user=alice)
    assert client.post("/later/")["Location"].startswith(reverse("two-factor-authenticate"))
    assert who(client) == NOBODY
    assert not is_logged_in(client)
    give_answer(client, code_of(ours))
    assert who(client)["user"] == "alice"


@pytest.mark.usefixtures("_later")
def test_the_others_answer_is_not_asked_for_twice(client, alice, authenticator):
    give_password(client, alice)
    give_mfa_answer(client, mfa_code())
    client.post("/later/")
    assert who(client)["user"] == "alice"


def test_a_user_of_allauth_mfa_who_is_given_a_device_of_ours_meanwhile_is_asked_for_it_too(client, alice, authenticator):
    give_password(client, alice)
    phone = TOTPDevice.objects.create(user=alice)
    assert give_mfa_answer(client, mfa_code())["Location"] == reverse("two-factor-authenticate")
    assert who(client) == NOBODY
    give_answer(client, code_of(phone))
    assert who(client)["user"] == "alice"
