"""The prefixes at which sites include the pages: one of their own, allauth's, none at all; in both orders, and one by one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from allauth.account.views import ReauthenticateView
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver, include, path, resolve, reverse
from django.views.generic import RedirectView
from django_otp.plugins.otp_totp.models import TOTPDevice

import allauth_2fa.views
from allauth_2fa import routes, views
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in
from tests.urls import home

pytestmark = pytest.mark.django_db

OLD = ("two-factor-authenticate", "two-factor-setup", "two-factor-backup-tokens", "two-factor-remove")
OLD_PATHS = ("authenticate/", "setup/", "backup-tokens/", "remove/")
PREFIXES = ["accounts/two-factor/", "accounts/", ""]
ORDERS = ["ours first", "allauth's first"]


def urlconf(*patterns):
    """Return a URLconf of this moment."""

    class Urlconf:
        urlpatterns = list(patterns)

    return Urlconf


def including(prefix, order="ours first"):
    """Return a site that includes the pages at the prefix, and has a home page."""
    both = [path(prefix, include("allauth_2fa.urls")), path("accounts/", include("allauth.urls"))]
    return urlconf(*(both if order == "ours first" else reversed(both)), path("", home, name="home"))


def listing(*more):
    """Return a site that lists the pages of 0.x one by one, and what was added."""
    old = [path(f"2fa/{route.path}", getattr(views, route.view).as_view(), name=route.name) for route in routes.ROUTES if route.name in OLD]
    return urlconf(*old, *more, path("accounts/", include("allauth.urls")), path("", home, name="home"))


def found(code):
    """Return the messages of the check."""
    return [message for message in run_checks() if message.id == f"allauth_2fa.{code}"]


@pytest.fixture(params=[(prefix, order) for prefix in PREFIXES for order in ORDERS], ids=str)
def site(request, settings):
    """A site of each make. Its prefix."""
    prefix, order = request.param
    settings.ROOT_URLCONF = including(prefix, order)
    return prefix


def test_the_four_pages_of_0x_stay_where_they_were(site):
    assert [reverse(name) for name in OLD] == [f"/{site}{old}" for old in OLD_PATHS]


def test_each_name_of_ours_and_of_allauths_leads_to_its_own_view(site):
    named = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    assert {route.name for route in routes.routes()} | {"account_login", "account_reauthenticate", "account_email"} <= named
    twins = {"mfa_index": "two-factor-overview", "mfa_reauthenticate": "two-factor-reauthenticate"}
    for name in named:
        params = get_resolver().reverse_dict.getlist(name)[0][0][0][1]
        assert resolve(reverse(name, kwargs=dict.fromkeys(params, "1"))).view_name in {name, twins.get(name)}, name
    assert resolve("/").view_name == "home"
    assert found("E007") == found("E014") == []


def test_a_user_without_a_factor_confirms_the_password_at_allauths_page_and_sets_one_up(site, client, bob, clock):
    give_password(client, bob)
    assert client.get("/").text == "user: bob"
    clock.shift(301)
    response = client.get(reverse("two-factor-setup"))
    assert urlsplit(response["Location"]).path == "/accounts/reauthenticate/"
    page = client.post(response["Location"], {"password": PASSWORD}, follow=True)
    assert page.request["PATH_INFO"] == f"/{site}setup/"
    page = client.post(page.request["PATH_INFO"], {"otp_token": code_of(TOTPDevice.objects.get())}, follow=True)
    assert page.request["PATH_INFO"] == f"/{site}backup-tokens/"
    assert len(page.context["backup_tokens"]) == 10
    assert client.get(reverse("two-factor-overview")).status_code == 200


def test_a_user_with_a_factor_goes_through_every_page(site, client, alice, phone, clock):
    assert give_password(client, alice)["Location"] == f"/{site}authenticate/"
    give_answer(client, code_of(phone))
    assert client.get("/").text == "user: alice"
    clock.shift(301)
    add = reverse("two-factor-add", args=["totp"])
    response = client.get(add)
    assert urlsplit(response["Location"]).path == reverse("two-factor-reauthenticate")
    page = client.post(response["Location"], {"otp_token": code_of(phone)}, follow=True)
    assert page.request["PATH_INFO"] == add
    for name in ("two-factor-overview", "two-factor-events", "two-factor-browsers"):
        assert client.get(reverse(name)).status_code == 200
    assert client.get(reverse("two-factor-rename", args=[phone.persistent_id])).status_code == 200
    assert client.get(reverse("two-factor-remove-device", args=[phone.persistent_id])).status_code == 200
    clock.shift(60)
    assert client.post(reverse("two-factor-remove"), {"otp_token": code_of(phone)})["Location"] == f"/{site}setup/"
    assert not TOTPDevice.objects.exists()


@pytest.mark.parametrize("mfa", [True, False])
def test_no_new_path_is_empty_or_one_of_allauths_whatever_is_installed_beside(monkeypatch, mfa):
    # Everything allauth may put under a prefix, by its first segment; `socialaccount` adds the ids of its providers.
    of_allauth = {
        *("login", "logout", "inactive", "signup", "reauthenticate", "email", "confirm-email", "password", "phone"),
        *("2fa", "3rdparty", "social", "sessions", "browser", "app", "openapi.yaml", "openapi.json", "openapi.html"),
        *(".well-known", "identity", "_allauth"),
    }
    monkeypatch.setattr(routes.compat, "mfa_installed", lambda: mfa)
    new = [route.path for route in routes.routes() if route.name not in OLD]
    assert {route.split("/")[0] for route in new} == {"factors"}
    assert not {route.path.split("/")[0] for route in routes.routes()} & of_allauth


# What the check finds


def stranger(_request):
    """Answer in somebody else's place."""
    return HttpResponse("a stranger")


def test_a_page_of_ours_that_another_view_hides_is_named(settings):
    settings.ROOT_URLCONF = urlconf(path("accounts/two-factor/setup/", stranger), *including("accounts/two-factor/").urlpatterns)
    (message,) = found("E014")
    assert "'/accounts/two-factor/setup/' is the page 'two-factor-setup'" in message.msg
    assert message.msg.endswith("tests.upgrade.test_prefixes.stranger.")


def test_a_page_of_allauths_that_one_of_ours_hides_is_named(settings):
    ours = path("accounts/reauthenticate/", views.TwoFactorReauthenticate.as_view(), name="two-factor-reauthenticate")
    settings.ROOT_URLCONF = urlconf(ours, *including("two-factor/").urlpatterns)
    (message,) = found("E014")
    assert "'/accounts/reauthenticate/' is the page 'account_reauthenticate'" in message.msg
    assert "TwoFactorReauthenticate" in message.msg


def test_another_view_at_the_page_on_which_the_password_is_confirmed_is_named(settings):
    settings.ROOT_URLCONF = urlconf(path("accounts/reauthenticate/", stranger), *including("two-factor/").urlpatterns)
    assert len(found("E014")) == 1


class OwnReauthentication(ReauthenticateView):
    """A site's own make of allauth's page."""


class OwnSetup(views.TwoFactorSetup):
    """A site's own make of ours."""


def test_what_a_site_puts_instead_of_allauths_pages_or_derives_from_them_is_its_own_business(settings):
    settings.ROOT_URLCONF = urlconf(
        path("accounts/signup/", RedirectView.as_view(url="/")),
        path("accounts/reauthenticate/", OwnReauthentication.as_view()),
        path("accounts/two-factor/setup/", OwnSetup.as_view()),
        path("<slug:tenant>/mfa/", stranger, name="mfa_of_a_tenant"),
        path("<uuid:tenant>/mfa/", stranger, name="mfa_of_another_tenant"),
        *including("accounts/two-factor/").urlpatterns,
    )
    assert found("E014") == []


def test_a_process_without_urls_has_no_pages_in_the_wrong_place(settings):
    settings.ROOT_URLCONF = ""
    assert found("E007") == found("E014") == []


# Listed one by one


def read(line):
    """Return the pattern that the line in an error makes."""
    return eval(line, {"path": path, "allauth_2fa": allauth_2fa})  # noqa: S307 - the line that a reader is told to add


def lines_of_the_check():
    """Return the lines that the check says are missing."""
    return re.findall(r'path\("2fa/[^ ]+ [^ ]+ name="[^"]+"\)', found("E007")[0].hint)


def line_of_the_error(client, url):
    """Return the line that is named by the error of that page, None where the page works."""
    try:
        client.get(url, follow=True)
    except ImproperlyConfigured as error:
        (line,) = re.findall(r"Add: (path\(.*\))$", str(error))
        return line
    return None


def test_the_check_names_each_line_that_a_site_lacks_which_lists_the_pages_one_by_one(settings):
    settings.ROOT_URLCONF = listing()
    lines = lines_of_the_check()
    for line in lines:
        assert line.startswith('path("2fa/factors/'), line
    settings.ROOT_URLCONF = listing(*map(read, lines))
    assert found("E007") == found("E014") == []


@pytest.mark.parametrize("route", [route for route in routes.routes() if route.name not in OLD], ids=lambda route: route.name)
def test_the_check_finds_each_page_that_is_missing(settings, route):
    others = [read(other.line()) for other in routes.routes() if other.name not in {*OLD, route.name}]
    settings.ROOT_URLCONF = listing(*others)
    # allauth's menu leaves its entry out, and nobody asks for the pages of passkeys where there are none.
    dispensable = {"mfa_index", "two-factor-add-passkey", "two-factor-passkey-login"}
    named = [message.msg for message in found("E007")]
    assert named == ([] if route.name in dispensable else [f"No URL is named {route.name}."])


def test_each_error_that_can_be_reached_names_exactly_the_line_to_add(settings, alice, phone, clock):
    """Walk through the site, add the line that each error names, and go on until there is none."""
    added = []
    for _round in range(len(routes.routes())):
        settings.ROOT_URLCONF = listing(*map(read, added))
        TOTPDevice.objects.update(last_t=-1)
        browser = Client()
        give_password(browser, alice)
        give_answer(browser, code_of(phone))
        assert is_logged_in(browser)
        clock.shift(301)
        pages = ["/2fa/setup/", "/2fa/backup-tokens/", "/2fa/remove/", "/accounts/email/", "/2fa/factors/"]
        lines = [line for page in pages if (line := line_of_the_error(browser, page))]
        if not lines:
            break
        assert lines[0] not in added
        added.append(lines[0])
    names = {re.search(r'name="([^"]+)"', line)[1] for line in added}
    assert {"two-factor-reauthenticate"} <= names
    assert not {"mfa_index"} & names


def test_an_error_before_any_view_names_the_line_as_well(settings, client, bob):
    challenge = path("2fa/authenticate/", views.TwoFactorAuthenticate.as_view(), name="two-factor-authenticate")
    settings.ROOT_URLCONF = urlconf(challenge, path("", home, name="home"))
    client.force_login(bob)
    assert client.get("/").text == "user: bob"
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    with pytest.raises(ImproperlyConfigured, match=r'Add: path\("2fa/setup/'):
        client.get("/")


def test_a_site_without_a_single_page_of_ours_is_told_the_usual_place(settings):
    settings.ROOT_URLCONF = urlconf(path("", home, name="home"))
    assert 'path("accounts/two-factor/authenticate/", allauth_2fa.views.TwoFactorAuthenticate' in found("E007")[0].hint


def test_an_error_about_another_name_stays_as_it_is(settings, client):
    def broken(_request):
        return HttpResponse(reverse("no-such-page"))

    settings.ROOT_URLCONF = urlconf(path("broken/", broken), *including("accounts/").urlpatterns)
    with pytest.raises(Exception, match="Reverse for 'no-such-page' not found"):
        client.get("/broken/")


def test_arguments_that_do_not_fit_are_no_missing_line(settings, client):
    def broken(_request):
        return HttpResponse(reverse("two-factor-overview", args=["one", "too many"]))

    settings.ROOT_URLCONF = urlconf(path("broken/", broken), *including("accounts/").urlpatterns)
    with pytest.raises(Exception, match="with arguments"):
        client.get("/broken/")


def test_other_errors_of_a_view_stay_as_they_are(settings, client):
    def broken(_request):
        raise ZeroDivisionError

    settings.ROOT_URLCONF = urlconf(path("broken/", broken), *including("accounts/").urlpatterns)
    with pytest.raises(ZeroDivisionError):
        client.get("/broken/")


def test_another_error_of_that_kind_before_any_view_stays_as_it_is():
    with pytest.raises(Exception, match="no-such-page"), routes.naming_missing():
        reverse("no-such-page")
