"""Subclasses of the adapter, the forms and the views, as projects of 0.x have them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.forms import CharField
from django.test import RequestFactory
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.forms import TOTPAuthenticateForm, TOTPDeviceForm, TOTPDeviceRemoveForm
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in
from tests.upgrade.project.adapter import StashingAdapter
from tests.upgrade.project.forms import SAVED_NAME, ShopAuthenticateForm, ShopRemoveForm, ShopSetupForm

pytestmark = pytest.mark.django_db

AUTHENTICATE = "/accounts/two-factor/authenticate/"
SETUP = "/accounts/two-factor/setup/"
REMOVE = "/accounts/two-factor/remove/"

# The adapter


@pytest.fixture
def shop_adapter(settings):
    settings.ACCOUNT_ADAPTER = "tests.upgrade.project.adapter.ShopAdapter"


@pytest.fixture
def clerk(django_user_model):
    """A user with a second factor that the shop's adapter does not ask for."""
    clerk = django_user_model.objects.create_user("clerk", "clerk@office.example.com", PASSWORD)
    TOTPDevice.objects.create(user=clerk, confirmed=True)
    return clerk


def test_the_adapter_is_allauths_own_and_more(alice):
    assert isinstance(get_adapter(), OTPAdapter)
    assert issubclass(OTPAdapter, DefaultAccountAdapter)
    assert not get_adapter().has_2fa_enabled(alice)


def test_the_adapter_tells_who_has_a_confirmed_device(alice, unfinished):
    assert not get_adapter().has_2fa_enabled(alice)
    unfinished.confirmed = True
    unfinished.save()
    assert get_adapter().has_2fa_enabled(alice)


@pytest.mark.usefixtures("shop_adapter")
def test_an_overridden_has_2fa_enabled_decides_which_users_the_login_asks(client, clerk, alice, phone):
    assert give_password(client, clerk)["Location"] == "/"
    assert client.get("/").text == "user: clerk"
    client.post(reverse("account_logout"))
    give_password(client, alice)
    assert not is_logged_in(client)
    give_answer(client, code_of(phone))
    assert client.get("/").text == "user: alice"


@pytest.mark.usefixtures("shop_adapter")
def test_an_overridden_has_2fa_enabled_decides_which_users_the_guard_stops(client, clerk):
    client.force_login(clerk)
    assert client.get("/").text == "user: clerk"


@pytest.mark.usefixtures("shop_adapter", "shop")
def test_an_overridden_has_2fa_enabled_decides_which_users_the_middleware_leads_to_the_setup(client, clerk, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.upgrade.project.middleware.RequireEverybody"]
    give_password(client, clerk)
    assert client.get("/shop/till/")["Location"] == SETUP


def test_somebody_who_is_asked_without_having_a_device_is_told_and_not_logged_in(client, bob, settings):
    settings.ACCOUNT_ADAPTER = "tests.upgrade.project.adapter.StrictAdapter"
    give_password(client, bob)
    page = client.get(AUTHENTICATE, follow=True)
    assert page.redirect_chain == [(reverse("account_login"), 302)]
    assert not is_logged_in(client)


@pytest.mark.usefixtures("shop_adapter", "phone")
def test_an_overridden_authenticate_url_is_where_the_login_leads(client, alice):
    response = give_password(client, alice, "?existing=param")
    assert parse_qs(urlsplit(response["Location"]).query)["from"] == ["shop"]
    assert client.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("request_like", [object(), None, RequestFactory().get("/")])
def test_the_authenticate_url_can_be_asked_for_with_any_object(request_like):
    assert get_adapter().get_2fa_authenticate_url(request_like) == AUTHENTICATE


def test_hooks_that_lost_their_meaning_are_never_called_and_reported(client, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = f"{StashingAdapter.__module__}.{StashingAdapter.__qualname__}"
    log_in(client, alice, phone)
    assert is_logged_in(client)
    reported = [str(message.msg) for message in run_checks() if message.id == "allauth_2fa.W001"]
    assert len(reported) == 2


# The forms


@pytest.fixture
def shop_forms(settings):
    settings.ALLAUTH_2FA_FORMS = {
        "authenticate": "tests.upgrade.project.forms.ShopAuthenticateForm",
        "setup": "tests.upgrade.project.forms.ShopSetupForm",
        "remove": "tests.upgrade.project.forms.ShopRemoveForm",
    }


@pytest.mark.usefixtures("shop_forms")
def test_the_projects_form_asks_for_the_code(client, alice, phone):
    give_password(client, alice)
    page = client.get(AUTHENTICATE)
    assert isinstance(page.context["form"], ShopAuthenticateForm)
    assert page.context["form"].user == alice
    assert "The shop&#x27;s code" in page.text
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


@pytest.mark.usefixtures("shop_forms")
def test_a_refusal_of_the_projects_form_opens_nothing(client, alice, phone):
    give_password(client, alice)
    page = give_answer(client, code_of(phone), machine="stolen")
    assert "This machine was reported stolen." in page.text
    assert not is_logged_in(client)


@pytest.mark.usefixtures("shop_forms")
def test_the_projects_form_sets_up(client, alice):
    give_password(client, alice)
    page = client.get(SETUP)
    assert isinstance(page.context["form"], ShopSetupForm)
    assert "The shop&#x27;s first code" in page.text
    client.post(SETUP, {"otp_token": code_of(TOTPDevice.objects.get())})
    assert TOTPDevice.objects.get(confirmed=True).name == SAVED_NAME


@pytest.mark.usefixtures("shop_forms")
def test_the_projects_form_removes(client, alice, phone):
    give_password(client, alice)
    give_answer(client, code_of(phone, -1))
    assert isinstance(client.get(REMOVE).context["form"], ShopRemoveForm)
    client.post(REMOVE, {"otp_token": code_of(phone)})
    assert TOTPDevice.objects.get() == phone
    phone.throttle_reset()
    client.post(REMOVE, {"otp_token": code_of(phone, 1), "sure": "on"})
    assert not TOTPDevice.objects.exists()


@pytest.mark.parametrize("form_class", [TOTPAuthenticateForm, TOTPDeviceForm, TOTPDeviceRemoveForm])
def test_a_form_is_made_of_a_user_and_djangos_arguments(alice, form_class):
    form = form_class(alice, data={"otp_token": ""}, prefix=None, initial={"otp_token": "1"})
    assert form.user == alice
    assert form.device is None
    assert list(form.fields)[-1] == "otp_token"
    assert not form.is_valid()


def test_the_form_keeps_the_device_that_answered(alice, phone):
    form = TOTPAuthenticateForm(alice, data={"otp_token": code_of(phone)})
    assert form.is_valid()
    assert form.device == phone


def test_the_setup_form_confirms_the_device_on_save_and_not_before(alice, unfinished):
    form = TOTPDeviceForm(user=alice, metadata={"any": "thing"}, data={"otp_token": code_of(unfinished)})
    assert form.metadata == {"any": "thing"}
    assert form.is_valid()
    assert not TOTPDevice.objects.get().confirmed
    assert form.save() == unfinished
    assert TOTPDevice.objects.get().confirmed


def test_the_removal_form_removes_on_save_and_not_before(alice, phone):
    form = TOTPDeviceRemoveForm(alice, data={"otp_token": code_of(phone)})
    assert form.is_valid()
    assert TOTPDevice.objects.exists()
    form.save()
    assert not TOTPDevice.objects.exists()


@pytest.mark.parametrize("form_class", [TOTPDeviceForm, TOTPDeviceRemoveForm])
def test_a_field_called_token_as_in_the_oldest_releases_is_pointed_out(alice, form_class):
    old = type("OldForm", (form_class,), {"token": CharField()})
    with pytest.raises(ImproperlyConfigured, match="otp_token"):
        old(alice)


# The views


@pytest.mark.usefixtures("shop")
def test_a_subclass_of_the_code_page_has_its_template(client, alice, phone):
    give_password(client, alice)
    assert "shop/authenticate.html" in [template.name for template in client.get(AUTHENTICATE).templates]
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


@pytest.mark.usefixtures("shop")
def test_a_subclass_of_the_setup_has_its_brand_its_template_and_its_way_on(client, alice):
    give_password(client, alice)
    page = client.get("/shop/setup/")
    assert "shop/setup.html" in [template.name for template in page.templates]
    assert "issuer=The%20Shop" in page.context["otpauth_url"]
    response = client.post("/shop/setup/", {"otp_token": code_of(TOTPDevice.objects.get())})
    assert response["Location"] == "/shop/welcome/"
    assert client.get("/shop/setup/")["Location"] == "/shop/welcome/"
    assert TOTPDevice.objects.get().confirmed


@pytest.mark.usefixtures("shop")
def test_a_subclass_of_the_tokens_page_reveals_them_on_every_visit(client, alice, phone, tokens):
    log_in(client, alice, phone)
    page = client.get("/shop/tokens/")
    assert page.context["reveal_tokens"]
    assert all(token in page.text for token in tokens)
    assert not client.get(reverse("two-factor-backup-tokens")).context["reveal_tokens"]


@pytest.mark.usefixtures("shop")
def test_a_subclass_of_the_removal_leads_where_it_says(client, alice, phone):
    give_password(client, alice)
    give_answer(client, code_of(phone, -1))
    assert client.post("/shop/remove/", {"otp_token": code_of(phone)})["Location"] == "/shop/welcome/"
    assert not TOTPDevice.objects.exists()
