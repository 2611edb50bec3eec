"""Attack: use a project's page that derives from ours from a session that ours are closed to."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.shortcuts import get_object_or_404
from django.test import Client
from django.urls import include, path, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.testing import login_verified
from allauth_2fa.views import TwoFactorBrowsers, TwoFactorEvents, TwoFactorOverview, TwoFactorSetup
from tests.cast import PASSWORD, give_password
from tests.urls import home

pytestmark = pytest.mark.django_db


class SetupByOffice(TwoFactorSetup):
    """Takes the place of our page, and serves the office too."""

    def get_device_owner(self):
        name = self.request.GET.get("for")
        return get_object_or_404(get_user_model(), username=name) if name else super().get_device_owner()

    def may_set_up_for(self, owner):
        return self.request.user.is_staff


class MyOverview(TwoFactorOverview):
    """A page of the project's."""


class SupportAdapter(OTPAdapter):
    """Lets support look at the site as somebody else."""

    def is_impersonated(self, request):
        return bool(request.session.get("is_impersonation"))


class Urlconf:
    urlpatterns = [
        path("accounts/two-factor/setup/", SetupByOffice.as_view(), name="two-factor-setup"),
        path("my/overview/", MyOverview.as_view(), name="my-overview"),
        path("my/events/", TwoFactorEvents.as_view(), name="my-events"),
        path("my/browsers/", TwoFactorBrowsers.as_view(), name="my-browsers"),
        path("accounts/two-factor/", include("allauth_2fa.urls")),
        path("accounts/", include("allauth.urls")),
        path("", home),
    ]


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = Urlconf


@pytest.fixture
def boss(django_user_model):
    return django_user_model.objects.create_user("boss", "boss@example.com", PASSWORD, is_staff=True)


def test_who_lacks_what_the_site_requires_sets_up_nothing_for_somebody_else(settings, client, alice, boss):
    give_password(client, boss)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    assert client.get(reverse("two-factor-setup")).status_code == 200
    response = client.get(reverse("two-factor-setup"), {"for": "alice"})
    assert response.status_code == 403
    assert not TOTPDevice.objects.filter(user=alice).exists()


@pytest.mark.parametrize("page", ["my-overview", "my-events", "my-browsers"])
def test_who_uses_another_account_does_not_see_how_it_is_protected_on_a_page_of_the_projects_own(settings, alice, phone, page):
    settings.ACCOUNT_ADAPTER = f"{__name__}.SupportAdapter"
    client = Client()
    login_verified(client, alice, phone)
    assert client.get(reverse(page)).status_code == 200
    session = client.session
    session["is_impersonation"] = True
    session.save()
    assert client.get(reverse(page)).status_code == 403
