"""django-hijack, django-loginas and django-impersonate: nobody gets in past a factor, and the recipes of the pages work."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending

pytestmark = pytest.mark.django_db

SCRIPT = {"Sec-Fetch-Dest": "empty"}
PAGE = {"Sec-Fetch-Dest": "document"}
WAY_BACK = {"hijack_history", "loginas_from_user"}
OWNERS_PAGES = ["overview", "setup", "backup-tokens", "remove", "reauthenticate", "events", "browsers"]
CHALLENGE = "/accounts/two-factor/authenticate/"


@pytest.fixture
def staff_phone(staff):
    """The authenticator app of the one who supports the others."""
    return TOTPDevice.objects.create(user=staff, name="Staff phone", confirmed=True)


@pytest.fixture
def support(client, staff, staff_phone):
    """A browser in which staff has logged in and answered."""
    login_verified(client, staff, staff_phone)
    return client


def hijack(client, user, **extra):
    return client.post("/hijack/acquire/", {"user_pk": user.pk}, **extra)


def hijack_back(client, **extra):
    return client.post("/hijack/release/", **extra)


def log_in_as(client, user, **extra):
    return client.post(f"/loginas/login/user/{user.pk}/", **extra)


def log_in_as_back(client, **extra):
    return client.get("/loginas/logout/", **extra)


APPS = {"hijack": (hijack, hijack_back), "loginas": (log_in_as, log_in_as_back)}
both = pytest.mark.parametrize(("go", "back"), APPS.values(), ids=APPS)
recipes = pytest.mark.parametrize(("recipe", "go", "back"), [(name, *ways) for name, ways in APPS.items()], ids=APPS)


def seen(client):
    return client.get("/who/", headers=SCRIPT).json()


# Without a recipe: the guard knows of no support


@both
def test_a_user_with_a_factor_is_not_entered_and_the_way_back_is_nobodys(support, go, back, alice, phone, staff):
    response = go(support, alice, headers=PAGE)
    assert response.url.startswith(CHALLENGE)
    assert seen(support)["user"] == ""
    back(support, headers=SCRIPT)
    assert seen(support)["user"] == ""


@both
def test_another_user_who_logs_in_there_does_not_come_to_be_staff(support, go, back, alice, phone, bob):
    go(support, alice, headers=SCRIPT)
    support.post("/logins/django/", {"username": "bob", "password": PASSWORD}, headers=SCRIPT)
    assert seen(support)["user"] == "bob"
    assert not WAY_BACK & set(support.session.keys())
    back(support, headers=SCRIPT)
    assert seen(support)["user"] != "staff"


@both
def test_a_page_that_is_loaded_or_a_login_at_allauths_page_ends_the_way_back(support, go, back, alice, phone, bob):
    go(support, alice, headers=SCRIPT)
    support.get("/accounts/login/", headers=PAGE)
    assert not WAY_BACK & set(support.session.keys())
    give_password(support, bob)
    assert seen(support)["user"] == "bob"
    back(support, headers=SCRIPT)
    assert seen(support)["user"] != "staff"


@both
def test_the_owner_of_the_account_who_answers_does_not_come_to_be_staff(client, go, back, alice, phone, staff):
    client.force_login(staff)  # without a factor, nobody would ask on the way back
    go(client, alice, headers=SCRIPT)
    give_answer(client, code_of(phone))
    assert seen(client)["user"] == "alice"
    assert not WAY_BACK & set(client.session.keys())
    back(client, headers=SCRIPT)
    assert seen(client)["user"] != "staff"


@both
def test_the_way_back_from_a_user_without_a_factor_asks_for_staffs(support, go, back, bob, staff_phone):
    go(support, bob, headers=SCRIPT)
    assert seen(support)["user"] == "bob"
    response = back(support, headers=PAGE)
    assert response.url.startswith(CHALLENGE)
    assert is_pending(support)
    assert seen(support)["user"] == ""
    give_answer(support, code_of(staff_phone))
    assert seen(support)["user"] == "staff"
    assert support.get("/").wsgi_request.user.is_verified()
    assert not support.session.get("hijack_history")


@both
def test_the_user_who_was_looked_at_does_not_come_to_be_staff_on_the_way_back(support, go, back, bob):
    go(support, bob, headers=SCRIPT)
    back(support, headers=SCRIPT)
    support.post("/logins/django/", {"username": "bob", "password": PASSWORD}, headers=SCRIPT)
    assert seen(support)["user"] == "bob"
    assert not WAY_BACK & set(support.session.keys())


# With the recipes of docs/guard.md


@recipes
def test_support_looks_at_the_site_as_a_user_with_a_factor_and_comes_back(
    support, shop, settings, recipe, go, back, alice, phone, staff_phone
):
    settings.ACCOUNT_ADAPTER = f"shop.{recipe}.Adapter"
    go(support, alice, headers=PAGE)
    assert seen(support)["user"] == "alice"
    assert not support.get("/").wsgi_request.user.is_verified()
    response = back(support, headers=PAGE)
    assert response.url.startswith(CHALLENGE)
    give_answer(support, code_of(staff_phone))
    assert seen(support)["user"] == "staff"
    assert support.get("/").wsgi_request.user.is_verified()


@recipes
@pytest.mark.parametrize("page", OWNERS_PAGES)
@pytest.mark.parametrize("has_factor", [True, False])
def test_support_does_not_see_the_users_devices(support, shop, settings, recipe, go, back, alice, bob, page, has_factor):
    settings.ACCOUNT_ADAPTER = f"shop.{recipe}.Adapter"
    if has_factor:
        TOTPDevice.objects.create(user=alice, name="Secret phone", confirmed=True)
    go(support, alice, headers=SCRIPT)
    response = support.get(reverse(f"two-factor-{page}"), headers=PAGE)
    assert response.status_code == 403
    assert "Only its owner can see" in response.text
    refused = support.post(reverse(f"two-factor-{page}"), headers=SCRIPT)
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["code"] == "impersonated"


@recipes
def test_with_the_recipe_as_well_everybody_else_answers_and_the_owner_sees_their_devices(
    client, shop, settings, recipe, go, back, alice, phone
):
    settings.ACCOUNT_ADAPTER = f"shop.{recipe}.Adapter"
    client.force_login(alice)
    assert not is_logged_in(client)
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert "Work phone" in client.get(reverse("two-factor-overview"), headers=PAGE).text


@recipes
def test_with_the_recipe_as_well_nobody_inherits_the_way_back(support, shop, settings, recipe, go, back, alice, phone, bob):
    settings.ACCOUNT_ADAPTER = f"shop.{recipe}.Adapter"
    go(support, alice, headers=SCRIPT)
    support.post("/logins/django/", {"username": "bob", "password": PASSWORD}, headers=SCRIPT)
    assert seen(support)["user"] == "bob"
    back(support, headers=SCRIPT)
    assert seen(support)["user"] != "staff"


# django-impersonate leaves the session as it is


def test_django_impersonate_shows_the_user_and_not_their_devices_and_the_way_back_works(support, shop, settings, alice, phone):
    settings.ACCOUNT_ADAPTER = "shop.impersonation.Adapter"
    support.get(f"/impersonate/{alice.pk}/")
    assert support.get("/").text == "user: alice"
    for page in OWNERS_PAGES:
        assert support.get(reverse(f"two-factor-{page}"), headers=PAGE).status_code == 403
    support.get("/impersonate/stop/")
    assert support.get("/").text == "user: staff"
    assert support.get("/").wsgi_request.user.is_verified()
    assert "Staff phone" in support.get(reverse("two-factor-overview"), headers=PAGE).text


def test_django_impersonate_is_not_for_staff_who_have_not_answered(client, staff, staff_phone, alice):
    client.post("/logins/django/", {"username": "staff", "password": PASSWORD}, headers=SCRIPT)
    client.get(f"/impersonate/{alice.pk}/", headers=SCRIPT)
    assert client.get("/", headers=SCRIPT).text == "user: AnonymousUser"


def test_what_django_impersonate_left_in_a_stopped_session_is_not_the_next_users(client, staff, alice, bob):
    client.post("/logins/django/", {"username": "staff", "password": PASSWORD}, headers=SCRIPT)
    client.get(f"/impersonate/{alice.pk}/", headers=SCRIPT)
    assert client.get("/").text == "user: alice"
    TOTPDevice.objects.create(user=staff, name="Phone", confirmed=True)
    data = client.session
    del data["allauth_2fa"]["checked_at"]
    data.save()
    assert client.get("/", headers=SCRIPT).status_code == 403
    client.post("/logins/django/", {"username": "bob", "password": PASSWORD}, headers=SCRIPT)
    assert "_impersonate" not in client.session


def test_the_checks_have_nothing_to_say_of_the_order_of_the_middleware():
    assert not {"allauth_2fa.E006", "allauth_2fa.W023"} & {message.id for message in run_checks()}


def test_the_checks_name_an_impersonation_that_stands_before_the_guard(settings):
    order = [path for path in settings.MIDDLEWARE if path != "impersonate.middleware.ImpersonateMiddleware"]
    at = order.index("allauth_2fa.middleware.AllauthTwoFactorMiddleware")
    settings.MIDDLEWARE = [*order[:at], "impersonate.middleware.ImpersonateMiddleware", *order[at:]]
    (found,) = (message for message in run_checks() if message.id == "allauth_2fa.W023")
    assert "impersonate.middleware.ImpersonateMiddleware" in found.msg
