"""Attack: inherit what a login that the guard stopped has left in the session: a tenant, a role, somebody's way back."""

from __future__ import annotations

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import alogin, authenticate, login
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.http import HttpResponse
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt

from allauth_2fa.testing import login_verified
from tests.attacks.urls import urlpatterns as login_views
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.test_leftovers")]

SCRIPT = {"Sec-Fetch-Dest": "empty"}
PAGE = {"Sec-Fetch-Dest": "document"}


@csrf_exempt
def enter_a_shop(request):
    """Log in by the password, and note for which shop."""
    login(request, authenticate(request, username=request.POST["username"], password=PASSWORD))
    request.session["shop"] = "hers"
    return HttpResponse("in")


@csrf_exempt
def become(request):
    """Turn the visitor into somebody else, and note the way back."""
    supporter = request.user.pk
    login(request, User.objects.get(username=request.POST["username"]), "django.contrib.auth.backends.ModelBackend")
    request.session["way_back"] = supporter
    return HttpResponse("in")


@csrf_exempt
async def become_async(request):
    """Do so the async way."""
    supporter = await request.auser()
    user = await User.objects.aget(username=request.POST["username"])
    await alogin(request, user, "django.contrib.auth.backends.ModelBackend")
    await request.session.aset("way_back", supporter.pk)
    return HttpResponse("in")


urlpatterns = [
    path("shop/enter/", enter_a_shop),
    path("become/", become),
    path("become-async/", become_async),
    *login_views,
]


@pytest.fixture(autouse=True)
def role():
    """A receiver of Django's signal that notes in the session what the user may do."""

    def note(request, user, **_facts):
        request.session.setdefault("role", f"role of {user}")

    user_logged_in.connect(note)
    yield
    user_logged_in.disconnect(note)


@pytest.fixture
def stopped(client, alice, phone):
    """A browser in which Alice's login was stopped."""
    client.post("/shop/enter/", {"username": "alice"}, headers=SCRIPT)
    assert is_pending(client)
    assert client.session["shop"] == "hers"
    return client


def by_django(client, user):
    client.post("/logins/django/", {"username": user.username, "password": PASSWORD}, headers=SCRIPT)


def by_allauth(client, user):
    # While a login waits, allauth's login page leads to it. A user who loads a page cancels that one.
    client.post(reverse("account_login"), {"login": user.username, "password": PASSWORD}, headers=PAGE)


def by_an_account_elsewhere(client, user):
    SocialAccount.objects.create(user=user, provider="dummy", uid=str(user.pk))
    state = client.post("/accounts/dummy/login/", headers=SCRIPT).url.partition("?")[2]
    facts = {"id": user.pk, "email": user.email, "email_verified": "on", "data": "{}"}
    client.post(f"/accounts/dummy/authenticate/?{state}", facts, headers=SCRIPT)


def by_the_admin(client, user):
    client.post("/admin/login/", {"username": user.username, "password": PASSWORD}, headers=SCRIPT)


def by_a_signup(client, _user):
    data = {"username": "new", "email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    client.post(reverse("account_signup"), data, headers=SCRIPT)


def by_force(client, user):
    client.force_login(user)


def as_another_user(client, user):
    client.post("/become/", {"username": user.username}, headers=SCRIPT)


WAYS = [by_django, by_allauth, by_an_account_elsewhere, by_the_admin, by_a_signup, by_force, as_another_user]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_next_user_inherits_nothing_by_whichever_login(stopped, staff, way):
    way(stopped, staff)
    assert is_logged_in(stopped)
    assert "shop" not in stopped.session
    assert stopped.session.get("role") != "role of alice"


def test_the_next_user_whose_login_is_stopped_as_well_inherits_nothing(stopped, bob):
    bobs = bob.totpdevice_set.create(name="Phone", confirmed=True)
    by_django(stopped, bob)
    assert "shop" not in stopped.session
    give_answer(stopped, code_of(bobs))
    assert is_logged_in(stopped)
    assert "shop" not in stopped.session


def test_the_next_user_who_answers_at_allauths_login_inherits_nothing(stopped, bob):
    bobs = bob.totpdevice_set.create(name="Phone", confirmed=True)
    by_allauth(stopped, bob)
    give_answer(stopped, code_of(bobs))
    assert stopped.session["_auth_user_id"] == str(bob.pk)
    assert "shop" not in stopped.session
    assert stopped.session.get("role") != "role of alice"


def load_a_page(client, _alice):
    client.get("/plain/", headers=PAGE)


def log_out(client, _alice):
    client.post(reverse("account_logout"), headers=PAGE)


def deactivate(client, alice):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    client.get(reverse("two-factor-authenticate"), headers=PAGE)


def change_the_password(client, alice):
    alice.set_password("another one")
    alice.save()
    give_answer(client, "123456")


@pytest.mark.parametrize("end", [load_a_page, log_out, deactivate, change_the_password], ids=lambda end: end.__name__)
def test_the_end_of_the_stopped_login_empties_the_session(stopped, alice, end):
    end(stopped, alice)
    assert not is_pending(stopped)
    assert not {"shop", "role"} & set(stopped.session.keys())


@pytest.mark.parametrize("page", ["/plain/", "/accounts/two-factor/authenticate/", "/"])
def test_a_stopped_login_that_has_timed_out_leaves_nothing_either(stopped, page):
    marker = stopped.cookies["allauth_2fa_pending"]
    assert marker["max-age"] == 1_209_600  # as long as the session
    data = stopped.session
    data["account_login"] = {**data["account_login"], "initiated_at": data["account_login"]["initiated_at"] - 901}
    data.save()
    stopped.get(page, headers=PAGE)
    assert not {"shop", "role", "account_login"} & set(stopped.session.keys())


def test_its_own_user_finds_again_what_the_login_has_written(stopped, phone):
    give_answer(stopped, code_of(phone))
    assert is_logged_in(stopped)
    assert stopped.session["shop"] == "hers"
    assert stopped.session["role"] == "role of alice"


@pytest.mark.parametrize("login_view", ["/become/", "/become-async/"])
def test_somebody_who_is_made_another_user_leaves_that_one_no_way_back(client, staff, alice, phone, login_view):
    login_verified(client, staff)
    client.post(login_view, {"username": "alice"}, headers=SCRIPT)
    assert is_pending(client)
    assert client.session["way_back"] == staff.pk
    give_answer(client, code_of(phone))
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert "way_back" not in client.session


def test_a_login_that_replaces_another_one_of_the_same_request_is_made_of_that_user(client, alice, bob, phone):
    client.post("/logins/two/", headers=SCRIPT)
    assert is_pending(client)
    assert client.session["allauth_2fa_stopped"] == ""


def test_a_user_who_logs_in_again_in_the_middle_of_a_session_keeps_what_is_theirs(client, alice):
    give_password(client, alice)
    alice.totpdevice_set.create(name="Phone", confirmed=True)
    client.post("/become/", {"username": "alice"}, headers=SCRIPT)
    assert is_pending(client)
    give_answer(client, code_of(alice.totpdevice_set.get()))
    assert client.session["way_back"] == alice.pk
