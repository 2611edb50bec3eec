"""The check of the headless API's URLs."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.urls import include, path

from allauth_2fa.headless.compat import Client
from allauth_2fa.headless.views.authenticate import AuthenticateView
from allauth_2fa.headless.views.config import ConfigView

pytestmark = pytest.mark.django_db

OURS, THEIRS = path("_allauth/", include("allauth_2fa.headless.urls")), path("_allauth/", include("allauth.headless.urls"))


class OwnView(AuthenticateView):
    """A site's own."""


OWN = [
    path(f"api/{client.value}/v1/{route}", view.as_api_view(client=client))
    for client in Client
    for route, view in (("auth/2fa/authenticate", OwnView), ("config", ConfigView))
]

CONFIG = path("_allauth/browser/v1/config", ConfigView.as_api_view(client=Client.BROWSER))


class Site:
    """A URLconf."""

    def __init__(self, *patterns):
        self.urlpatterns = [*patterns]


def warnings():
    return [message for message in run_checks() if message.id == "allauth_2fa.W026"]


@pytest.mark.parametrize("patterns", [[OURS], [OURS, THEIRS], [], [*OWN, path("api/", include("allauth.headless.urls"))]])
def test_the_right_urls_draw_no_message(settings, patterns):
    settings.ROOT_URLCONF = Site(*patterns)
    assert warnings() == []


@pytest.mark.parametrize("patterns", [[THEIRS], [THEIRS, OURS], [CONFIG, THEIRS]])
def test_allauths_own_urls_alone_or_first_draw_one(settings, patterns):
    settings.ROOT_URLCONF = Site(*patterns)
    (warning,) = warnings()
    assert warning.hint.endswith('path("_allauth/", include("allauth_2fa.headless.urls"))')
