"""The shop's forms, named in ALLAUTH_2FA_FORMS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from allauth_2fa.forms import TOTPAuthenticateForm, TOTPDeviceForm, TOTPDeviceRemoveForm

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django_otp.plugins.otp_totp.models import TOTPDevice

SAVED_NAME = "named by the shop"


class ShopAuthenticateForm(TOTPAuthenticateForm):
    """Relabels the field and asks for one thing more."""

    machine = forms.CharField(required=False)

    def __init__(self, user: User, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        self.fields["otp_token"].label = "The shop's code"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("machine") == "stolen":
            raise forms.ValidationError("This machine was reported stolen.")
        return cleaned


class ShopSetupForm(TOTPDeviceForm):
    """Names the device when it is saved."""

    def __init__(self, user: User, metadata: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(user, metadata=metadata, **kwargs)
        self.fields["otp_token"].label = "The shop's first code"

    def save(self) -> TOTPDevice:
        device = super().save()
        device.name = SAVED_NAME
        device.save(update_fields=["name"])
        return device


class ShopRemoveForm(TOTPDeviceRemoveForm):
    """Asks whether the user is sure."""

    sure = forms.BooleanField()
