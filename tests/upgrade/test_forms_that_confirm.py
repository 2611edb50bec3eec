"""Forms of a project's own that confirm the device themselves, as with 0.x: what follows an enrollment follows theirs too."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import app_settings
from allauth_2fa.forms import AddDeviceForm, TOTPDeviceForm
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_password

pytestmark = pytest.mark.django_db


class ConfirmsItself:
    """Confirms the device as projects did with 0.x, without asking the form that it derives from."""

    def confirm(self, device):
        device.confirmed = True
        device.save()
        self.device = device
        return device


class OwnSetup(ConfirmsItself, TOTPDeviceForm):
    """At the setup."""

    def save(self):
        return self.confirm(self.device)


class OwnAdd(ConfirmsItself, AddDeviceForm):
    """At the page that adds a further device."""

    def clean(self):
        self.confirm(self.adding)
        return self.cleaned_data


def test_a_form_that_confirms_the_first_device_itself_ends_the_other_sessions_and_promises_codes(client, alice, settings):
    settings.ALLAUTH_2FA_FORMS = {"setup": f"{__name__}.OwnSetup"}
    elsewhere = Client()
    for visitor in (client, elsewhere):
        give_password(visitor, alice)
    client.get(reverse("two-factor-setup"))
    device = TOTPDevice.objects.get()
    response = client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)})
    assert response["Location"] == reverse("two-factor-backup-tokens")
    assert len(client.get(response["Location"]).context["backup_tokens"]) == app_settings.BACKUP_TOKENS_NUMBER
    assert client.session["otp_device_id"] == device.persistent_id
    assert "alice" in client.get("/").text
    assert "alice" not in elsewhere.get("/").text


def test_a_form_that_confirms_a_further_device_itself_leads_to_the_overview(client, alice, phone, settings):
    settings.ALLAUTH_2FA_FORMS = {"add": f"{__name__}.OwnAdd"}
    login_verified(client, alice, phone)
    page = reverse("two-factor-add", args=["totp"])
    client.get(page)
    response = client.post(page, {"otp_token": "any"})
    assert response["Location"] == reverse("two-factor-overview")
    assert client.session["otp_device_id"] == TOTPDevice.objects.exclude(pk=phone.pk).get().persistent_id
