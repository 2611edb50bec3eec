"""The forms that ask for a second factor: what a person types is judged once, and a refusal stands at the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from allauth_2fa import app_settings
from allauth_2fa.answers import verify
from allauth_2fa.devices import passkeys, sending, turn_off
from allauth_2fa.exceptions import LoginEnded, NothingEnrolled, Refused
from allauth_2fa.factors.base import as_typed, code_in
from allauth_2fa.state.store import ChallengeStore

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device


def code_field(label: Any, *, inputmode: str, autofocus: bool = True) -> forms.CharField:
    """Return the field in which a code is typed."""
    attrs = {
        "autocomplete": "one-time-code",
        "inputmode": inputmode,
        "autofocus": autofocus,
        "autocapitalize": "none",
        "spellcheck": "false",
        # Where people write from right to left, groups of digits would change places.
        "dir": "ltr",
    }
    missing = {"required": _("Enter the code.")}
    return CodeField(label=label, widget=forms.TextInput(attrs=attrs), error_messages=missing)


class CodeField(forms.CharField):
    """Takes a code, also out of a sentence that was pasted whole. The answer of a passkey stays as it is."""

    is_whole: bool = False
    """Whether every text stays as it is."""

    def to_python(self, value: Any) -> str:
        """Return the code that stands in the text, or else the text."""
        text = super().to_python(value) or ""
        return text if self.is_whole or passkeys.recognizes(text) else code_in(text)


class AnswerForm(forms.Form):
    """A form about one user, as 0.x made it: ``Form(user, **kwargs)``."""

    def __init__(self, user: AbstractBaseUser, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if "token" in self.fields:
            message = f"The field `token` of {type(self).__name__} is called `otp_token`."
            raise ImproperlyConfigured(message)
        self.user = user
        self.device: Device | None = None
        self.refusal: Refused | None = None
        """Why the answer was not accepted, if it was not."""

    def typed(self) -> str:
        """Return what was given back, as text, before it is cleaned: forms are made of JSON too, where a code may be a number."""
        return as_typed(self.data.get(self.add_prefix("otp_token")))

    def judge(self, judge: Any) -> None:
        """Run the flow once the field holds something, and put its refusal at the field."""
        if self.errors:
            return
        try:
            self.device = judge()
        except LoginEnded:
            self.refusal = NothingEnrolled()
        except Refused as refusal:
            self.refusal = refusal
        if self.refusal is not None:
            self._refuse(self.refusal)

    def _refuse(self, refusal: Refused) -> None:
        self.add_error("otp_token", forms.ValidationError(refusal.message, code=refusal.code))


class AskingForm(AnswerForm):
    """A form that asks for the second factor by any of the user's devices."""

    def __init__(self, user: AbstractBaseUser, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        self.devices: list[Any] = []
        self.store = ChallengeStore({})

    def offer_devices(self) -> None:
        """Offer the user's devices."""
        self.devices = verify.offers(self.user, self.typed())
        # Browsers refuse to post an empty field that is required, and a code is asked for with an empty one.
        self.use_required_attribute = not any(sending.sends(device) for device in self.devices)
        if verify.takes_words(self.devices):
            field: Any = self.fields["otp_token"]
            field.is_whole = True
            field.widget.attrs["data-whole"] = True
        typed = verify.typed(self.devices)
        if len(typed) < len(self.devices):
            # The button of the passkey comes first. The field is looked at when something was typed into it.
            self.fields["otp_token"].widget.attrs["autofocus"] = self.is_bound
        if self.devices and not typed:
            self.fields["otp_token"].label = _("Recovery code")

    @sensitive_variables("text")
    def _answer(self) -> Device:
        # The page prints the choice; a template of the project's own that does not leaves it to the shape of the answer.
        text, chosen = self.cleaned_data["otp_token"], as_typed(self.data.get(self.add_prefix("device"))).strip()
        return verify.answer(self.user, text, chosen or None, devices=self.devices, store=self.store)

    def _refuse(self, refusal: Refused) -> None:
        """Put the refusal at the field, or at none if a passkey has answered: nothing was typed."""
        if passkeys.recognizes(self.typed()):
            self.add_error(None, forms.ValidationError(refusal.message, code=refusal.code))
        else:
            super()._refuse(refusal)


class TOTPAuthenticateForm(AskingForm):
    """Asks for the second factor. Valid means: the answer was accepted, by ``form.device``, and is used up."""

    otp_token = code_field(_("Code"), inputmode="text")

    def __init__(self, user: AbstractBaseUser, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        self.offer_devices()

    def clean(self) -> dict[str, Any]:
        """Judge the answer, once."""
        self.judge(self._answer)
        return self.cleaned_data


class TOTPDeviceRemoveForm(AskingForm):
    """Takes the second factor away, for a code where ``ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL`` says so."""

    sessions_ended: datetime | None = None
    """The moment before which the user's sessions are over, once the second factor is taken away."""

    def __init__(self, user: AbstractBaseUser, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        if app_settings.REQUIRE_OTP_ON_DEVICE_REMOVAL:
            self.fields["otp_token"] = code_field(_("Code"), inputmode="text")
            self.offer_devices()

    def clean(self) -> dict[str, Any]:
        """Judge the answer, once, where one is asked for."""
        if app_settings.REQUIRE_OTP_ON_DEVICE_REMOVAL:
            self.judge(self._answer)
        return self.cleaned_data

    def save(self) -> None:
        """Remove the user's devices and what stood in for them."""
        self.sessions_ended = turn_off.remove_all(self.user)
