"""Attack: let a private page be taken for one that stays open, because its URLconf is chosen after somebody asked who is there."""

from __future__ import annotations

import copy

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.utils.functional import SimpleLazyObject

from tests.attacks.urls import urlpatterns as login_views
from tests.cast import give_password

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

GUARD = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
SETUP = "/accounts/two-factor/setup/"
SCRIPT = {"Sec-Fetch-Dest": "empty"}
PAGE = {"Sec-Fetch-Dest": "document"}
SERVED: list[str] = []


def private(request):
    """Show what is the user's."""
    SERVED.append(request.user.get_username())
    return HttpResponse(f"secret of {request.user.get_username()}")


class Tenant:
    """The pages of a tenant, which has one of its own where the site's setup is."""

    urlpatterns = [path("accounts/two-factor/setup/", private), *login_views]


class Keeps:
    """Asks for the user, keeps a copy as django-hijack's middleware does, and chooses the pages then."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Keep the user, and choose."""
        user = request.user
        request.user = SimpleLazyObject(lambda: copy.copy(user))
        request.user.is_authenticated  # noqa: B018 - the look is what matters
        request.urlconf = Tenant
        return self.get_response(request)


@pytest.fixture
def running(client, alice, settings):
    """A session of Alice's, who lacks what the site has come to require."""
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    at = settings.MIDDLEWARE.index(GUARD) + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], "tests.attacks.test_late_urlconf.Keeps", *settings.MIDDLEWARE[at:]]
    SERVED.clear()
    later = Client()  # with that middleware
    later.cookies = client.cookies
    return later


def test_a_private_page_that_replaces_an_open_one_is_not_shown(running):
    response = running.get(SETUP, headers=PAGE)
    assert response.status_code == 302
    assert "secret" not in response.text
    refused = running.get(SETUP, headers=SCRIPT)
    assert refused.status_code == 403
    assert refused.json()["data"]["flows"][0]["id"] == "two_factor_enrollment"
    assert SERVED == []


def test_nor_to_an_async_server(running):
    client = AsyncClient()
    client.cookies = running.cookies
    assert async_to_sync(client.get)(SETUP, headers=SCRIPT).status_code == 403
    assert SERVED == []


def test_an_open_page_that_is_one_stays_open(running):
    assert running.get("/accounts/password/change/").status_code == 200


def test_a_user_who_has_what_is_required_sees_the_page(running, alice):
    alice.totpdevice_set.create(name="Phone", confirmed=True)
    session = running.session
    session["otp_device_id"] = alice.totpdevice_set.get().persistent_id
    session.save()
    assert running.get(SETUP).text == "secret of alice"
