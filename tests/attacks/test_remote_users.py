"""Attack: come in by a proxy's header, on a site that trusts it, with and without a session of its own."""

from __future__ import annotations

import pytest
from django.conf import settings as project

from tests.attacks.test_other_login_views import NOBODY
from tests.cast import code_of, is_logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

OURS = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
HEADER = {"REMOTE_USER": "alice"}


@pytest.fixture(params=["RemoteUserMiddleware", "PersistentRemoteUserMiddleware"])
def kind(request):
    return f"django.contrib.auth.middleware.{request.param}"


@pytest.fixture(params=["before ours", "after ours", "last"])
def _proxied(request, settings, kind):
    place = {"before ours": project.MIDDLEWARE.index(OURS), "after ours": project.MIDDLEWARE.index(OURS) + 1, "last": 99}[request.param]
    middleware = list(project.MIDDLEWARE)
    middleware.insert(place, kind)
    settings.MIDDLEWARE = middleware
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.RemoteUserBackend", *project.AUTHENTICATION_BACKENDS]


def who(client):
    response = client.get("/who/", headers={"Sec-Fetch-Dest": "empty"}, **HEADER)
    return response.json() if response.status_code == 200 else NOBODY


@pytest.mark.usefixtures("_proxied")
def test_a_proxys_word_does_not_stand_in_for_the_second_factor(client, alice, phone):
    for _request in range(3):
        assert who(client) == NOBODY
        assert not is_logged_in(client)
    response = client.get("/who/", **HEADER)
    assert response.status_code == 302
    page = client.get(response["Location"], **HEADER)
    assert page.status_code == 200
    assert client.post(response["Location"], {"otp_token": "000000"}, **HEADER).status_code == 200
    assert who(client) == NOBODY


@pytest.mark.usefixtures("_proxied")
def test_after_the_code_the_proxys_user_stays_inside(client, alice, phone):
    response = client.get("/who/", **HEADER)
    client.post(response["Location"], {"otp_token": code_of(phone)}, **HEADER)
    assert who(client)["user"] == "alice"
    assert client.get("/who/", **HEADER).json()["user"] == "alice"
    assert client.session["_auth_user_backend"] == "django.contrib.auth.backends.RemoteUserBackend"


@pytest.mark.usefixtures("_proxied")
def test_the_proxys_user_without_a_factor_passes(client, alice):
    assert who(client)["user"] == "alice"
