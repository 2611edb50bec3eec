"""Overrides of a 0.x project that would do harm or nothing now: each is named, with its cure."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.urls import include, path, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import code_of, give_answer, give_password, is_logged_in
from tests.upgrade import old_overrides
from tests.urls import home

pytestmark = pytest.mark.django_db

HERE = "tests.upgrade.old_overrides"


def found(code):
    """Return the texts of the check."""
    return [str(message.msg) for message in run_checks() if message.id == f"allauth_2fa.{code}"]


def urlconf(*patterns):
    """Return a URLconf of this moment."""

    class Urlconf:
        urlpatterns = [
            *patterns,
            path("accounts/two-factor/", include("allauth_2fa.urls")),
            path("accounts/", include("allauth.urls")),
            path("", home),
        ]

    return Urlconf


# Logins


@pytest.mark.parametrize(
    ("adapter", "method"),
    [("RedirectingAdapter", "login"), ("NestedAdapter", "pre_login")],
)
def test_an_adapter_that_redirects_to_the_challenge_is_named(settings, adapter, method):
    settings.ACCOUNT_ADAPTER = f"{HERE}.{adapter}"
    assert found("E015") == [f"{HERE}.{adapter}.{method}() sends logins to the challenge on its own."]


@pytest.mark.parametrize("adapter", ["RedirectingAdapter", "HidingAdapter"])
def test_a_login_that_would_go_round_for_ever_ends_in_an_error_that_names_the_cure(settings, client, alice, phone, adapter):
    settings.ACCOUNT_ADAPTER = f"{HERE}.{adapter}"
    give_password(client, alice)
    with pytest.raises(ImproperlyConfigured, match=r"leads a login back to the challenge.*Take what redirects there out"):
        give_answer(client, code_of(phone))
    assert not is_logged_in(client)


def test_a_user_who_asks_to_be_led_to_the_challenge_after_the_login_raises_no_error(client, alice, phone):
    give_password(client, alice, "?next=/accounts/two-factor/authenticate/")
    assert give_answer(client, code_of(phone)).status_code == 302
    assert is_logged_in(client)


def test_a_social_adapter_that_begins_a_challenge_by_itself_is_named(settings):
    settings.SOCIALACCOUNT_ADAPTER = f"{HERE}.WritingSocialAdapter"
    assert found("E015") == [f"{HERE}.WritingSocialAdapter.ask() sends logins to the challenge on its own."]


def test_overrides_that_do_no_harm_are_not_named(settings, client, alice, phone):
    settings.ACCOUNT_ADAPTER = f"{HERE}.GoodAdapter"
    settings.SOCIALACCOUNT_ADAPTER = f"{HERE}.GoodSocialAdapter"
    assert found("E015") == []
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    assert client.session["greeting"] == "hello"


def test_a_site_without_social_logins_has_one_adapter(settings):
    settings.SOCIALACCOUNT_ADAPTER = ""
    assert found("E015") == []


def test_a_social_user_with_a_factor_is_asked_without_any_override(settings, client, alice, phone):
    settings.SOCIALACCOUNT_ADAPTER = f"{HERE}.GoodSocialAdapter"
    SocialAccount.objects.create(user=alice, provider="dummy", uid="1")
    state = urlsplit(client.post("/accounts/dummy/login/")["Location"]).query
    form = {"id": "1", "email": alice.email, "email_verified": "on", "data": "{}"}
    response = client.post(f"/accounts/dummy/authenticate/?{state}", form)
    assert urlsplit(response["Location"]).path == reverse("two-factor-authenticate")
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


# The setup


@pytest.mark.parametrize("view", [old_overrides.SetupOfAnother, old_overrides.CallingSetup])
def test_a_setup_that_makes_its_devices_itself_shows_nobody_a_secret(settings, client, bob, view):
    settings.ROOT_URLCONF = urlconf(path("setup/<str:name>/", view.as_view(), name="setup-of-another"))
    give_password(client, bob)
    for request in (client.get, client.post):
        if request == client.post and view is old_overrides.CallingSetup:
            continue
        with pytest.raises(ImproperlyConfigured, match=r"_new_device\(\), which makes no device.*override get_device_owner"):
            request("/setup/alice/")
    assert not TOTPDevice.objects.exists()


def test_the_check_finds_it_in_the_urls(settings):
    assert found("E016") == []
    settings.ROOT_URLCONF = urlconf(
        path("setup/<str:name>/", old_overrides.SetupOfAnother.as_view()),
        path("calling/", old_overrides.CallingSetup.as_view()),
    )
    assert found("E016") == [f"{HERE}.SetupOfAnother._new_device() is never called, and the page does not open."]


# Hooks that nobody calls


@pytest.mark.parametrize(("guard", "hook"), [("SpareApi", "process_request"), ("CountingResponses", "process_response")])
def test_a_hook_of_the_guard_that_nobody_calls_is_named(settings, client, guard, hook):
    assert found("W008") == []
    ours = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
    settings.MIDDLEWARE = [f"{HERE}.{guard}" if name == ours else name for name in settings.MIDDLEWARE]
    assert found("W008") == [f"{HERE}.{guard}.{hook}() is never called."]
    assert client.get("/").status_code == 200


def test_a_hook_that_is_called_is_not_named(settings, client):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{HERE}.RequireNobody", f"{HERE}.plain_middleware"]
    assert found("W008") == []
    assert client.get("/").wsgi_request.seen


@pytest.mark.parametrize("form", [f"{HERE}.CleaningForm", old_overrides.CleaningForm])
def test_a_judgement_of_a_forms_own_is_named(settings, form):
    settings.ALLAUTH_2FA_FORMS = {"authenticate": form, "setup": "allauth_2fa.forms.TOTPDeviceForm"}
    assert found("W009") == [f"{HERE}.CleaningForm.clean_otp() is never called."]


def test_forms_that_cannot_be_read_are_another_checks_business(settings):
    settings.ALLAUTH_2FA_FORMS = "tests.forms"
    assert found("W009") == []
    assert found("E008")
