"""Attack: a project's own form, or a home-made adapter, that asks for no second factor."""

from __future__ import annotations

import pytest
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.urls import resolve, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.forms import TOTPAuthenticateForm, TOTPDeviceForm, TOTPDeviceRemoveForm
from allauth_2fa.middleware import BaseRequire2FAMiddleware
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

HERE = "tests.attacks.test_forms_that_do_not_judge."


class Careless(forms.Form):
    """Takes anything, and knows nothing of devices."""

    otp_token = forms.CharField(required=False)

    def __init__(self, user, **kwargs):
        super().__init__(**kwargs)
        self.user = user

    def save(self):
        """Do what the page is for."""
        TOTPDevice.objects.filter(user=self.user).update(confirmed=True)
        return TOTPDevice.objects.filter(user=self.user).first()


class CarelessAnswer(TOTPAuthenticateForm):
    """Forgets to call super()."""

    def clean(self):
        """Check nothing."""
        return self.cleaned_data


class CarelessRemoval(TOTPDeviceRemoveForm):
    """Forgets to call super()."""

    def clean(self):
        """Check nothing."""
        return self.cleaned_data


class CarelessSetup(TOTPDeviceForm):
    """Forgets to call super()."""

    def clean(self):
        """Check nothing, and take the device that waits."""
        self.device = TOTPDevice.objects.get(user=self.user, confirmed=False)
        return self.cleaned_data


class Thief(CarelessAnswer):
    """Answers by somebody else's device."""

    def clean(self):
        """Take any device that is not the user's."""
        self.device = TOTPDevice.objects.exclude(user=self.user).first()
        return self.cleaned_data


class Unconfirmed(CarelessAnswer):
    """Answers by a device that was never confirmed."""

    def clean(self):
        """Take one."""
        self.device = TOTPDevice.objects.create(user=self.user, confirmed=False)
        return self.cleaned_data


@pytest.mark.parametrize("form", ["Careless", "CarelessAnswer", "Thief", "Unconfirmed"])
def test_an_authenticate_form_that_does_not_judge_logs_nobody_in(client, alice, phone, bob, settings, form):
    TOTPDevice.objects.create(user=bob)
    settings.ALLAUTH_2FA_FORMS = {"authenticate": HERE + form}
    give_password(client, alice)
    response = give_answer(client, "anything")
    assert response.status_code in {200, 302}
    assert not is_logged_in(client)
    assert who(client) == NOBODY


@pytest.mark.parametrize("form", ["Careless", "CarelessAnswer", "Thief", "Unconfirmed"])
def test_a_reauthentication_form_that_does_not_judge_proves_nothing(client, alice, phone, bob, settings, form):
    TOTPDevice.objects.create(user=bob)
    log_in(client, alice, phone)
    before = client.session["account_authentication_methods"]
    settings.ALLAUTH_2FA_FORMS = {"reauthenticate": HERE + form}
    assert client.post(reverse("two-factor-reauthenticate"), {"otp_token": "anything"}).status_code == 200
    assert client.session["account_authentication_methods"] == before
    assert client.session["otp_device_id"] == phone.persistent_id


@pytest.mark.parametrize("form", ["Careless", "CarelessRemoval"])
def test_a_removal_form_that_does_not_judge_needs_a_fresh_authentication(client, alice, phone, settings, form):
    log_in(client, alice, phone)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": 1}, {"method": "mfa", "at": 1}]
    session.save()
    settings.ALLAUTH_2FA_FORMS = {"remove": HERE + form}
    response = client.post(reverse("two-factor-remove"), {"otp_token": "anything"})
    assert response["Location"].startswith(reverse("two-factor-reauthenticate"))
    assert TOTPDevice.objects.filter(user=alice, confirmed=True).exists()


def test_a_setup_form_that_does_not_judge_still_confirms_no_secret_that_gave_no_code(client, alice, settings):
    settings.ALLAUTH_2FA_FORMS = {"setup": HERE + "CarelessSetup"}
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    response = client.post(reverse("two-factor-setup"), {"otp_token": "000"})
    assert response.status_code == 200
    assert not TOTPDevice.objects.filter(confirmed=True).exists()


def test_a_form_of_0x_with_a_token_field_is_refused_at_once_and_judges_nothing(client, alice, phone):
    class Old(TOTPAuthenticateForm):
        token = forms.CharField()

    with pytest.raises(ImproperlyConfigured):
        Old(alice)


def test_without_our_adapter_nobody_with_a_factor_gets_in_and_others_do(client, alice, phone, bob, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.StrangerAdapter"
    client.raise_request_exception = False  # allauth asserts that its login has logged somebody in
    give_password(client, alice)
    assert not is_logged_in(client)
    assert who(client) == NOBODY
    give_answer(client, code_of(phone))
    assert who(client) == NOBODY
    give_password(client, bob)
    assert who(client)["user"] == "bob"


def test_without_our_adapter_a_foreign_login_view_is_closed_too(client, alice, phone, settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.StrangerAdapter"
    client.post("/logins/custom/", {"username": "alice", "password": PASSWORD})
    assert not is_logged_in(client)


def test_without_our_adapter_forced_setup_still_knows_who_has_a_factor(rf, alice, bob, phone, settings):
    class Everybody(BaseRequire2FAMiddleware):
        def require_2fa(self, request):
            return True

        def on_require_2fa(self, request):
            return "setup"

    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.StrangerAdapter"
    answers = []
    for user in (alice, bob):
        request = rf.get("/who/")
        request.user = user
        request.resolver_match = resolve("/who/")
        answers.append(Everybody(lambda _request: None).process_view(request))
    assert answers == [None, "setup"]
