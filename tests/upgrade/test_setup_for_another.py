"""Setting up a device for somebody else: the hooks by which a project does it, and what nobody gets by them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.shortcuts import get_object_or_404
from django.test import Client
from django.urls import include, path, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from allauth_2fa.utils import get_device_base32_secret
from allauth_2fa.views import TwoFactorSetup
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, wrong_code_of
from tests.urls import home

pytestmark = pytest.mark.django_db


class SetupByOffice(TwoFactorSetup):
    """Lets the office set up devices for those who work there."""

    def get_device_owner(self):
        return get_object_or_404(get_user_model(), username=self.kwargs["name"])

    def may_set_up_for(self, owner):
        return self.request.user.username == "boss" and owner.username != "stranger"


class Careless(TwoFactorSetup):
    """Names the device's user, and forgets to ask who may do that."""

    def get_device_owner(self):
        return get_object_or_404(get_user_model(), username=self.kwargs["name"])


class Reckless(Careless):
    """Lets everybody."""

    def may_set_up_for(self, owner):
        return True


class Nobodys(Reckless):
    """Finds nobody."""

    def get_device_owner(self):
        return None


class Leading(SetupByOffice):
    """Leads on to a page of the project's."""

    success_url = "/done/"


class Urlconf:
    urlpatterns = [
        path("office/<str:name>/", SetupByOffice.as_view(), name="office"),
        path("careless/<str:name>/", Careless.as_view()),
        path("reckless/<str:name>/", Reckless.as_view()),
        path("nobody/", Nobodys.as_view()),
        path("leading/<str:name>/", Leading.as_view()),
        path("accounts/two-factor/", include("allauth_2fa.urls")),
        path("accounts/", include("allauth.urls")),
        path("", home),
    ]


OFFICE = "/office/alice/"


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = Urlconf


@pytest.fixture
def boss(django_user_model):
    return django_user_model.objects.create_user("boss", "boss@example.com", PASSWORD, is_staff=True)


@pytest.fixture
def desk(boss):
    """The browser in which the boss has just signed in by both factors."""
    client = Client()
    login_verified(client, boss, TOTPDevice.objects.create(user=boss, name="Boss phone", confirmed=True))
    return client


def waiting(user):
    return TOTPDevice.objects.get(user=user, confirmed=False)


def shown(page):
    """Return the secret and the account that the QR code of the page is for."""
    url = urlsplit(page.context["otpauth_url"])
    return parse_qs(url.query)["secret"][0], url.path.rpartition("%20")[2]


# What it does


def test_the_office_sets_up_a_device_that_opens_the_login_of_its_owner(desk, alice, boss, client, clock):
    page = desk.get(OFFICE)
    assert "You are setting this up for <strong>alice</strong>." in page.text
    assert page.context["others"] == []
    device = waiting(alice)
    page = desk.post(OFFICE, {"otp_token": code_of(device), "name": "Work phone"}, follow=True)
    assert page.request["PATH_INFO"] == reverse("two-factor-overview")
    assert "Two-factor authentication is on for alice." in page.text
    device.refresh_from_db()
    assert (device.user, device.confirmed, device.name) == (alice, True, "Work phone")
    assert TOTPDevice.objects.filter(user=boss).count() == 1
    clock.shift(60)
    give_password(client, alice)
    give_answer(client, code_of(device))
    assert client.get("/").text == "user: alice"


def test_the_audit_log_names_who_did_it_and_whose_device_it_is_and_the_owner_is_told(desk, alice, boss, django_capture_on_commit_callbacks):
    desk.get(OFFICE)
    with django_capture_on_commit_callbacks(execute=True):
        desk.post(OFFICE, {"otp_token": code_of(waiting(alice))})
    rows = AuditEntry.objects.filter(user_id=alice.pk)
    assert {(row.event, row.actor_id) for row in rows} == {("device_added", boss.pk), ("sessions_ended", boss.pk)}
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    # Where the office sits is not the owner's business.
    assert "127.0.0.1" not in mail.outbox[0].body


def test_the_secret_on_the_page_is_that_of_the_owner_and_of_nobody_else(desk, alice, boss):
    secret, account = shown(desk.get(OFFICE))
    assert account == "alice"
    assert secret == get_device_base32_secret(waiting(alice))
    assert not TOTPDevice.objects.filter(user=boss, confirmed=False).exists()


def test_the_session_of_the_office_proves_nothing_by_it(desk, alice, boss):
    before = dict(desk.session)
    desk.get(OFFICE)
    desk.post(OFFICE, {"otp_token": code_of(waiting(alice))})
    after = dict(desk.session)
    assert after["otp_device_id"] == before["otp_device_id"]
    assert after["_auth_user_id"] == str(boss.pk)
    assert not {key for key in after if key.startswith("allauth_2fa")} - {key for key in before if key.startswith("allauth_2fa")}


def test_the_owners_sessions_end(desk, alice, clock):
    browser = Client()
    give_password(browser, alice)
    assert browser.get("/").text == "user: alice"
    clock.shift(1)
    desk.get(OFFICE)
    desk.post(OFFICE, {"otp_token": code_of(waiting(alice))})
    clock.shift(301)
    assert browser.get("/").text == "user: AnonymousUser"


def test_a_wrong_code_leaves_the_device_waiting_and_another_secret_can_be_had(desk, alice):
    desk.get(OFFICE)
    page = desk.post(OFFICE, {"otp_token": wrong_code_of(waiting(alice))})
    assert page.context["form"].errors["otp_token"]
    old = waiting(alice).key
    assert desk.post(OFFICE, {"action": "replace"})["Location"] == OFFICE
    assert waiting(alice).key != old


def test_the_way_on_is_the_subclasss(desk, alice):
    desk.get("/leading/alice/")
    assert desk.post("/leading/alice/", {"otp_token": code_of(waiting(alice))})["Location"] == "/done/"


def test_for_oneself_the_page_is_what_it_always_is(client, boss):
    give_password(client, boss)
    page = client.get("/office/boss/")
    assert not page.context["is_for_another"]
    response = client.post("/office/boss/", {"otp_token": code_of(waiting(boss))})
    assert response["Location"] == reverse("two-factor-backup-tokens")
    assert client.get("/").wsgi_request.user.is_verified()


# What nobody gets by it


def test_nobody_is_set_up_by_anybody_unless_the_subclass_says_so(desk, alice, boss):
    boss.is_superuser = True
    boss.save()
    assert desk.get("/careless/alice/").status_code == 403
    assert desk.post("/careless/alice/", {"action": "replace"}).status_code == 403
    assert not TOTPDevice.objects.filter(user=alice).exists()


def test_a_user_that_the_subclass_refuses_gets_nothing(client, alice, bob):
    give_password(client, bob)
    for method in (client.get, client.post):
        assert method(OFFICE).status_code == 403
    assert not TOTPDevice.objects.exists()


def test_no_superuser_is_set_up_by_somebody_who_is_none(desk, boss, alice):
    alice.is_superuser = True
    alice.save()
    assert desk.get("/reckless/alice/").status_code == 403
    assert desk.get(OFFICE).status_code == 403
    assert not TOTPDevice.objects.filter(user=alice).exists()
    boss.is_superuser = True
    boss.save()
    assert desk.get(OFFICE).status_code == 200


def test_nobody_is_set_up_who_cannot_sign_in(desk, alice):
    type(alice).objects.filter(pk=alice.pk).update(is_active=False)
    assert desk.get(OFFICE).status_code == 403
    assert desk.get("/nobody/").status_code == 403


def test_an_anonymous_visitor_goes_to_the_login(client, alice):
    assert client.get("/reckless/alice/")["Location"].startswith("/accounts/login/")
    assert not TOTPDevice.objects.exists()


def test_a_session_that_needs_the_second_factor_is_not_served(client, alice, boss):
    TOTPDevice.objects.create(user=boss, confirmed=True)
    give_password(client, boss)
    assert client.get(OFFICE)["Location"].startswith("/accounts/login/")
    assert not is_logged_in(client)
    assert not TOTPDevice.objects.filter(user=alice).exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_visitor_proves_who_they_are_by_their_own_factor_first(desk, alice, boss, clock, method):
    clock.shift(301)
    response = getattr(desk, method)(OFFICE)
    assert urlsplit(response["Location"]).path == reverse("two-factor-reauthenticate")
    assert not TOTPDevice.objects.filter(user=alice).exists()
    page = desk.post(response["Location"], {"otp_token": code_of(TOTPDevice.objects.get(user=boss))}, follow=True)
    # The POST that was stopped resumes: it judges nothing, for nobody has seen that secret.
    assert page.context["is_for_another"]
    assert desk.get(OFFICE).status_code == 200


def test_a_visitor_without_a_factor_confirms_the_password(client, alice, boss, clock):
    give_password(client, boss)
    clock.shift(301)
    assert urlsplit(client.get(OFFICE)["Location"]).path == reverse("account_reauthenticate")


def test_a_user_who_has_a_factor_gets_no_second_one_from_somebody_else(desk, alice, phone):
    assert desk.get(OFFICE)["Location"] == reverse("two-factor-overview")
    assert desk.post(OFFICE, {"otp_token": "000000"})["Location"] == reverse("two-factor-overview")
    assert TOTPDevice.objects.filter(user=alice).count() == 1


def test_a_user_who_sets_one_up_meanwhile_keeps_it_alone(desk, alice, clock):
    desk.get(OFFICE)
    seen = waiting(alice)
    code = code_of(seen)
    TOTPDevice.objects.create(user=alice, name="Own", confirmed=True)
    desk.post(OFFICE, {"otp_token": code})
    assert TOTPDevice.objects.get(user=alice, confirmed=True).name == "Own"


def test_a_secret_that_the_owner_has_on_the_screen_is_not_shown_to_the_office(desk, client, alice):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    theirs = waiting(alice).key
    desk.get(OFFICE)
    assert waiting(alice).key != theirs


def test_a_secret_that_the_office_has_seen_is_not_confirmed_by_the_owner(desk, client, alice):
    desk.get(OFFICE)
    code = code_of(waiting(alice))
    give_password(client, alice)
    page = client.post(reverse("two-factor-setup"), {"otp_token": code})
    assert page.context["form"].errors["otp_token"]
    assert not TOTPDevice.objects.filter(user=alice, confirmed=True).exists()


def test_a_user_that_the_adapter_allows_no_app_gets_none_from_the_office(desk, alice, settings):
    settings.ACCOUNT_ADAPTER = "tests.upgrade.old_overrides.NoApps"
    assert desk.get(OFFICE)["Location"] == reverse("two-factor-overview")
    assert not TOTPDevice.objects.filter(user=alice).exists()
