"""Attack: use the site without the second factor that it requires, with the password alone."""

from __future__ import annotations

import re
import time

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.urls import path, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import urls as our_urls
from allauth_2fa.factors import lookup, registry
from allauth_2fa.forms import AddDeviceForm
from allauth_2fa.login import first_device
from allauth_2fa.models.exemptions import Exemption, FirstMet
from allauth_2fa.testing import login_verified
from tests.attacks import urls as login_views
from tests.attacks.test_every_way_in import WAYS, address, way  # noqa: F401 - fixtures
from tests.attacks.test_other_login_views import LOGIN_VIEWS, NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending, noted, plant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls"), pytest.mark.usefixtures("required")]

CREDENTIALS = {"username": "alice", "password": PASSWORD}
SETUP, ENROLL = "/accounts/two-factor/setup/", "/accounts/two-factor/factors/enroll/"
ADD = "/accounts/two-factor/factors/add/totp/"
SCRIPT = {"Sec-Fetch-Dest": "empty"}
PAGE = {"Sec-Fetch-Dest": "document"}


@pytest.fixture
def required(settings):
    """Everybody needs a second factor."""
    settings.ALLAUTH_2FA_REQUIRED = "everyone"


@pytest.fixture
def running(client, alice, settings):
    """A session of Alice's from before the requirement came."""
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    return client


def waiting():
    return TOTPDevice.objects.get(confirmed=False)


def set_up(client):
    client.get(SETUP)
    return client.post(SETUP, {"otp_token": code_of(waiting())})


def test_the_names_of_our_pages_are_those_of_the_urls():
    assert {pattern.name for pattern in our_urls.urlpatterns} == first_device.OUR_PAGES


def test_a_page_of_the_projects_own_does_not_stay_open_by_a_name_like_ours(running, settings):
    settings.ROOT_URLCONF = (*login_views.urlpatterns, path("report/", login_views.who, name="two-factor-report"))
    assert running.get("/report/", headers=PAGE)["Location"] == f"{SETUP}?next=%2Freport%2F"


# Every login view


@pytest.mark.parametrize("login_view", LOGIN_VIEWS)
def test_no_login_view_admits_a_user_who_lacks_what_is_required(client, alice, login_view):
    login_views.LOOKS.clear()
    response = client.post(login_view, CREDENTIALS)
    assert response["Location"] == ENROLL
    assert not is_logged_in(client)
    assert is_pending(client)
    assert all(look == NOBODY for look in login_views.LOOKS)
    assert who(client) == NOBODY
    assert who(client, "/who-async/") == NOBODY
    assert set_up(client).status_code == 302
    assert who(client)["user"] == "alice"


def test_no_way_of_allauths_admits_a_user_who_lacks_what_is_required(client, alice, way):  # noqa: F811 - a fixture
    assert way(client, alice)["Location"] == ENROLL
    assert not is_logged_in(client)
    assert who(client) == NOBODY
    assert set_up(client).status_code == 302
    assert who(client)["user"] == "alice"


def test_a_signup_is_no_way_round(client, django_user_model):
    fields = {"username": "carol", "email": "carol@example.com", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post(reverse("account_signup"), fields)["Location"] == ENROLL
    assert not is_logged_in(client)
    assert set_up(client).status_code == 302
    assert who(client)["user"] == "carol"


def test_force_login_is_none_either(client, alice):
    client.force_login(alice)
    assert not is_logged_in(client)
    assert is_pending(client)


@pytest.mark.parametrize("login_view", ["/logins/custom/", "/logins/token/"])
def test_a_script_at_a_login_view_is_refused_and_sets_up_afterwards(client, alice, settings, mailoutbox, login_view):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    response = client.post(login_view, CREDENTIALS, headers=SCRIPT)
    assert response.status_code == 403
    assert response.json()["data"]["flows"] == [{"id": "two_factor_enrollment", "is_pending": True, "url": ENROLL, "types": ["totp"]}]
    assert response.json()["meta"] == {"is_authenticated": False}
    assert "token of" not in response.text
    assert "token" not in response.cookies
    assert set_up(client)["Location"] == reverse("account_email_verification_sent")
    assert not is_logged_in(client)
    path = re.search(r"/accounts/confirm-email/\S+", mailoutbox[-1].body).group(0)
    client.post(path)
    give_password(client, alice)
    assert is_pending(client)


def test_a_script_at_a_login_view_sets_up_and_is_in(client, alice):
    client.post("/logins/custom/", CREDENTIALS, headers=SCRIPT)
    assert set_up(client).status_code == 302
    assert who(client)["user"] == "alice"
    assert client.session["otp_device_id"] == TOTPDevice.objects.get().persistent_id


# The login that waits


@pytest.mark.parametrize(
    "page",
    [
        *("two-factor-overview", "two-factor-backup-tokens", "two-factor-remove", "two-factor-reauthenticate", "two-factor-authenticate"),
        *("account_email", "account_change_password", "account_reauthenticate", "account_set_password"),
    ],
)
@pytest.mark.parametrize("headers", [PAGE, SCRIPT])
def test_a_login_that_waits_opens_no_other_page_of_the_account(client, alice, page, headers):
    give_password(client, alice)
    for method in (client.get, client.post):
        assert reverse("account_login") in method(reverse(page), headers=headers)["Location"]
    assert not is_logged_in(client)
    assert is_pending(client) == (headers == SCRIPT)


def test_another_page_cancels_the_login_that_waits_and_a_favicon_does_not(client, alice):
    give_password(client, alice)
    client.get("/who/", headers={"Sec-Fetch-Dest": "image"})
    client.get("/favicon.ico")
    for page in (ENROLL, SETUP, ADD):
        client.get(page, headers=PAGE)
        assert is_pending(client), page
    client.get("/who/", headers=PAGE)
    assert not is_pending(client)
    assert not is_logged_in(client)


def test_the_pages_of_the_setup_cancel_a_login_that_waits_for_a_code(client, alice, phone):
    give_password(client, alice)
    assert client.get(SETUP)["Location"].startswith(reverse("account_login"))
    assert not is_pending(client)


def test_a_login_that_waits_for_a_code_adds_no_device(client, alice, phone):
    give_password(client, alice)
    for page in (SETUP, ADD, ENROLL):
        assert client.get(page, headers=SCRIPT)["Location"].startswith(reverse("account_login"))
        assert client.post(page, {"otp_token": "123456"}, headers=SCRIPT)["Location"].startswith(reverse("account_login"))
    assert TOTPDevice.objects.get() == phone


@pytest.mark.parametrize("loss", ["password", "inactive", "deleted", "time", "elsewhere"])
def test_a_login_that_has_lost_its_ground_sets_nothing_up_and_does_not_loop(client, alice, loss):
    with time_machine.travel(1_750_000_000, tick=False) as clock:
        give_password(client, alice)
        client.get(SETUP)
        code, device = code_of(waiting()), waiting()
        match loss:
            case "password":
                alice.set_password("another one")
                alice.save()
            case "inactive":
                type(alice).objects.update(is_active=False)
            case "deleted":
                alice.delete()
            case "time":
                clock.shift(901)
                code = code_of(device)
            case "elsewhere":
                TOTPDevice.objects.create(user=alice, name="Alice's own", confirmed=True)
        response = client.post(SETUP, {"otp_token": code})
        assert response["Location"].startswith(reverse("account_login"))
        assert client.get(response["Location"]).status_code == 200
        assert not is_logged_in(client)
        assert not is_pending(client)
        assert not TOTPDevice.objects.filter(name="", confirmed=True).exists()


def test_a_user_who_waited_with_the_password_while_the_owner_set_up_adds_no_device_beside_it(client, alice):
    give_password(client, alice)
    client.get(ADD)
    owner = Client()
    give_password(owner, alice)
    owner.get(SETUP)
    mallorys = TOTPDevice.objects.filter(confirmed=False).order_by("-pk")[0]
    # The owner is done between Mallory's request and the judgement of the code.
    owners = TOTPDevice.objects.create(user=alice, name="Alice's own", confirmed=True)
    assert client.post(ADD, {"otp_token": code_of(mallorys)})["Location"].startswith(reverse("account_login"))
    assert TOTPDevice.objects.get(confirmed=True) == owners


def test_of_two_who_set_up_at_once_the_second_one_is_refused_under_the_lock(client, alice, monkeypatch):
    give_password(client, alice)
    client.get(ADD)
    device = waiting()
    in_time = lookup.has_primary
    # The owner's device is there when the code is judged, and was not when the page looked.
    monkeypatch.setattr(lookup, "has_primary", lambda _user: False)
    TOTPDevice.objects.create(user=alice, name="Alice's own", confirmed=True)
    response = client.post(ADD, {"otp_token": code_of(device)})
    monkeypatch.setattr(lookup, "has_primary", in_time)
    assert response.status_code == 200
    assert "otp_token" in response.context["form"].errors
    assert not is_logged_in(client)
    assert not TOTPDevice.objects.get(pk=device.pk).confirmed


@pytest.mark.parametrize("loss", ["device", "password", "inactive"])
def test_a_device_that_goes_between_the_setup_and_a_later_stage_does_not_count(client, alice, settings, loss):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(client, alice)
    assert set_up(client)["Location"] == "/later/"
    assert not is_logged_in(client)
    match loss:
        case "device":
            TOTPDevice.objects.all().delete()
        case "password":
            alice.set_password("another one")
            alice.save()
        case "inactive":
            type(alice).objects.update(is_active=False)
    client.post("/later/")
    assert not is_logged_in(client)


def test_a_device_that_stays_is_bound_after_a_later_stage_and_the_codes_are_shown(client, alice, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(client, alice)
    set_up(client)
    assert "codes_pending" not in noted(client)
    response = client.post("/later/")
    assert response["Location"] == reverse("two-factor-backup-tokens")
    assert client.session["otp_device_id"] == TOTPDevice.objects.get().persistent_id
    assert noted(client)["codes_pending"]


def test_a_login_that_waits_removes_nothing(client, alice, bob):
    bobs = TOTPDevice.objects.create(user=bob)
    give_password(client, alice)
    client.get(f"{ADD}?replaces={bobs.persistent_id}")
    client.post(f"{ADD}?replaces={bobs.persistent_id}", {"otp_token": code_of(waiting())})
    assert TOTPDevice.objects.filter(pk=bobs.pk).exists()
    assert TOTPDevice.objects.filter(user=alice).count() == 1


def test_a_form_that_says_yes_without_a_device_lets_nobody_on(client, alice, settings):
    settings.ALLAUTH_2FA_FORMS = {"add": "tests.attacks.test_skipping_the_requirement.YesForm"}
    give_password(client, alice)
    client.get(ADD)
    client.post(ADD, {"otp_token": "1"})
    assert not is_logged_in(client)


class YesForm(AddDeviceForm):
    """Judges nothing."""

    def clean(self):
        """Accept anything."""
        self.device = self.adding
        return self.cleaned_data


def test_another_users_login_ends_the_one_that_waits(client, alice, bob, settings):
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    client.force_login(bob)
    assert not is_pending(client)
    assert who(client)["user"] == "bob"


def test_the_first_codes_are_made_for_nobody_else(client, alice, bob, settings):
    """Alice sets up and leaves before a later stage; Bob's codes stay as they are."""
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"
    give_password(client, alice)
    set_up(client)
    settings.ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"
    bobs = TOTPDevice.objects.create(user=bob)
    codes = registry.recovery.renew(bob, 3)
    login_verified(client, bob, bobs)
    client.get(reverse("two-factor-backup-tokens"))
    other = Client()
    give_password(other, bob)
    give_answer(other, codes[0])
    assert is_logged_in(other)


# The running session


@pytest.mark.parametrize("page", ["/who/", "/members/", "/", "/private/", "/profile/1/", "/admin/", "/accounts/email/", "/accounts/login/"])
def test_every_other_page_leads_to_the_setup_and_shows_nobody(running, page):
    response = running.get(page, headers=PAGE)
    assert response["Location"] == f"{SETUP}?next={page.replace('/', '%2F')}"
    assert response["Cache-Control"].startswith("max-age=0")
    assert running.get(page, headers=SCRIPT).status_code == 403
    assert running.get(page, headers={"Accept": "application/json"}).json()["data"]["flows"][0]["id"] == "two_factor_enrollment"


def test_a_stream_shows_nobody(running):
    response = running.get("/stream/")
    # The redirect comes too late for a body that is being sent; the body is nobody's.
    assert "alice" not in response.getvalue().decode()


def test_an_async_page_shows_nobody(running):
    assert who(running, "/who-async/") == NOBODY
    assert running.get("/who-async/", headers=PAGE)["Location"].startswith(SETUP)

    async def ask():
        browser = AsyncClient()
        browser.cookies = running.cookies
        return await browser.get("/who-async/", headers=SCRIPT), await browser.get(SETUP), await browser.get("/who-async/", headers=PAGE)

    refused, page, led = async_to_sync(ask)()
    assert refused.status_code == 403
    assert page.context["user"].username == "alice"
    assert led["Location"].startswith(SETUP)


def test_notes_that_are_planted_in_the_session_are_believed_for_the_recheck_time_at_most(running, alice):
    soon = time.time() + 60
    for met in ([9e12, None], ["x", None], [soon, "x"], [soon, 9e99], [soon, True], [True, None], [soon], "x", [1], 1, {}):
        plant(running, alice, met=met)
        assert who(running) == NOBODY


def test_what_was_noted_of_another_user_counts_for_nothing(client, alice, bob, settings):
    Exemption.objects.create(user=bob, reason="robot", expires_at="2099-01-01T00:00Z")
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    client.force_login(alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    plant(client, bob, met=[time.time() + 60, None])
    assert who(client) == NOBODY


def test_the_device_that_the_admin_removes_takes_the_session_with_it(client, alice, phone):
    login_verified(client, alice, phone)
    assert who(client)["user"] == "alice"
    phone.delete()
    assert who(client) == NOBODY


def test_removing_the_last_device_and_coming_back_does_not_restart_the_grace_period(client, alice, phone, settings):
    settings.ALLAUTH_2FA_GRACE_PERIOD = 10
    with time_machine.travel(1_750_000_000, tick=False) as clock:
        phone.delete()
        give_password(client, alice)
        assert is_logged_in(client)
        clock.shift(10 * 86400)
        new = TOTPDevice.objects.create(user=alice)
        new.delete()
        assert give_password(Client(), alice)["Location"] == ENROLL
        assert FirstMet.objects.count() == 1


def test_two_sessions_that_remove_two_devices_leave_one(client, alice, phone):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    other = Client()
    login_verified(client, alice, phone)
    login_verified(other, alice, tablet)
    client.post(reverse("two-factor-remove-device", args=[tablet.persistent_id]))
    other.post(reverse("two-factor-remove-device", args=[phone.persistent_id]))
    assert TOTPDevice.objects.get() == phone


# Whatever the order of the middleware and the language of the address


class EarlyAsker:
    """Asks for the user before anybody knows which page is meant."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Look at who is there."""
        bool(request.user.is_authenticated)
        return self.get_response(request)


ASKER = "tests.attacks.test_skipping_the_requirement.EarlyAsker"
OURS = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"


def again(client):
    """Return the same browser, before a server that has been started again: with the middleware as it is now."""
    browser = Client()
    browser.cookies = client.cookies
    return browser


def orders(middleware):
    at = middleware.index(OURS) + 1
    others = [first_device for first_device in middleware if "allauth.account" in first_device or "messages" in first_device]
    bare = [first_device for first_device in middleware if first_device not in others]
    yield [*middleware, ASKER]
    yield [*middleware[:at], ASKER, *middleware[at:]]
    yield [*bare[:-1], *others, bare[-1], ASKER]
    yield [*middleware[:at], ASKER, *middleware[at:], "django.middleware.locale.LocaleMiddleware"]


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize(
    "page", ["/who/", "/nowhere/", SETUP, "/accounts/two-factor/factors/", ADD, "/accounts/password/change/", "/accounts/login/"]
)
def test_no_order_of_the_middleware_leads_round_in_circles(running, settings, order, page):
    settings.MIDDLEWARE = list(orders(settings.MIDDLEWARE))[order]
    response = again(running).get(page, follow=True)
    assert response.status_code in {200, 404}
    assert len(response.redirect_chain) <= 1
    if response.status_code == 200:
        assert response.context["user"].username == "alice"
    else:
        assert page == "/nowhere/"


def prefixed():
    from django.conf.urls.i18n import i18n_patterns  # noqa: PLC0415 - only this test speaks languages
    from django.urls import include  # noqa: PLC0415 - the same

    class Urlconf:
        urlpatterns = i18n_patterns(
            path("safe/<slug:tenant>/", include([path("x/", lambda request, tenant: login_views.who(request))])),
            path("deep/er/", include("allauth_2fa.urls")),
            path("accounts/", include("allauth.urls")),
        )

    return Urlconf


class ChoosesPages:
    """Says which pages there are, as sites with several tenants do."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Take the pages of the tests."""
        request.urlconf = "tests.attacks.urls"
        return self.get_response(request)


CHOOSER = "tests.attacks.test_skipping_the_requirement.ChoosesPages"


def test_the_setup_is_shown_to_who_was_asked_for_before_anybody_knew_that_there_are_pages(running, settings):
    at = settings.MIDDLEWARE.index(OURS) + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], ASKER, CHOOSER, *settings.MIDDLEWARE[at:]]

    class NoPages:
        urlpatterns = ()

    settings.ROOT_URLCONF = NoPages
    client = again(running)
    assert client.get("/accounts/two-factor/setup/").status_code == 200
    assert client.get("/who/", headers=SCRIPT).status_code == 403


@pytest.mark.parametrize("early", [True, False])
def test_an_address_with_a_language_leads_to_the_setup_in_it_and_not_in_circles(running, settings, early):
    locale = "django.middleware.locale.LocaleMiddleware"
    at = settings.MIDDLEWARE.index(OURS) + 1
    settings.LANGUAGES = [("de", "Deutsch"), ("en", "English")]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], *([ASKER] if early else []), locale, *settings.MIDDLEWARE[at:]]
    settings.ROOT_URLCONF = prefixed()
    response = again(running).get("/de/safe/one/x/", follow=True)
    assert response.redirect_chain == [("/de/deep/er/setup/?next=%2Fde%2Fsafe%2Fone%2Fx%2F", 302)]
    assert response.status_code == 200


@pytest.mark.parametrize("target", ["//evil.example/", "https://evil.example/", "/who/", SETUP, ENROLL, "/accounts/logout/"])
def test_no_next_leads_elsewhere_or_round_in_circles(client, alice, target):
    response = give_password(client, alice, f"?next={target}")
    assert response["Location"] == ENROLL
    response = set_up(client)
    assert "evil" not in response["Location"]
    page = client.get(response["Location"])
    assert page.status_code == 200
    if "evil" in target:
        assert page.context["next_url"] == "/"
    assert client.get(page.context["next_url"], follow=True).status_code == 200


# Rules that break


def broken(_user):
    """Break."""
    raise RuntimeError("broken")


@pytest.mark.parametrize("required", ["tests.attacks.test_skipping_the_requirement.broken", "no.such.rule", "nobody's", None, broken, 7])
def test_a_rule_that_breaks_or_means_nothing_requires_a_factor_of_everybody(client, alice, settings, required):
    settings.ALLAUTH_2FA_REQUIRED = required
    assert give_password(client, alice)["Location"] == ENROLL


@pytest.mark.parametrize("who_is_meant", ["no.such.rule", "staff's", broken])
def test_a_row_of_factors_that_breaks_means_everybody(client, alice, phone, settings, who_is_meant):
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {who_is_meant: ["no such factor"]}
    give_password(client, alice)
    assert give_answer(client, code_of(phone))["Location"] == ENROLL
    assert not is_logged_in(client)
