"""The forms of 0.x, by their names: what a person types, judged by the flows, refusals turned into words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.answers import verify
from allauth_2fa.devices import enrollment, passkeys, sending
from allauth_2fa.factors.base import as_typed, code_in

from . import app_settings
from .exceptions import EnrollmentEnded, LoginEnded, NothingEnrolled, PasskeyNotMade, Refused
from .factors import registry
from .state import ChallengeStore

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device
    from django_otp.plugins.otp_totp.models import TOTPDevice

    from allauth_2fa.factors.base import Ask, Factor

LONGEST_NAME = 64
"""Characters of django-otp's column."""


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

    def to_python(self, value: Any) -> str:
        """Return the code that stands in the text, or else the text."""
        text = super().to_python(value) or ""
        return text if passkeys.recognizes(text) else code_in(text)


class DeviceNameForm(forms.Form):
    """Names a device. It stands beside the form that confirms it, on the same page."""

    name = forms.CharField(
        label=_("Name of this device"),
        max_length=LONGEST_NAME,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("Work phone")}),
    )


class RenameForm(DeviceNameForm):
    """Gives a device another name."""

    def __init__(self, user: AbstractBaseUser, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.user = user


class DeviceFactsForm(forms.Form):
    """What has to be filled in before a device can send its first code: an address, or a number."""

    def __init__(self, user: AbstractBaseUser, factor: Factor, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.nothing: Any = ""
        """Why nothing can be filled in, if so."""
        for ask in factor.asks:
            choices = factor.choices(user, ask.name)
            self.fields[ask.name] = _typed(factor, ask) if choices is None else _chosen(ask, choices)
            self.nothing = self.nothing or (ask.nothing if choices == [] else "")


def _typed(factor: Factor, ask: Ask) -> forms.Field:
    field: Any = factor.model._meta.get_field(ask.name)
    typed: forms.Field = field.formfield(required=True, label=ask.label, help_text=ask.help_text)
    typed.widget.attrs.update(autocomplete=ask.autocomplete, inputmode=ask.inputmode)
    return typed


def _chosen(ask: Ask, choices: list[str]) -> forms.Field:
    return forms.ChoiceField(label=ask.label, help_text=ask.help_text, choices=[(choice, choice) for choice in choices])


class _AnswerForm(forms.Form):
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

    def _judge(self, judge: Any) -> None:
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


class _AskingForm(_AnswerForm):
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


class TOTPAuthenticateForm(_AskingForm):
    """Asks for the second factor. Valid means: the answer was accepted, by ``form.device``, and is used up."""

    otp_token = code_field(_("Code"), inputmode="text")

    def __init__(self, user: AbstractBaseUser, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        self.offer_devices()

    def clean(self) -> dict[str, Any]:
        """Judge the answer, once."""
        self._judge(self._answer)
        return self.cleaned_data


class TOTPDeviceForm(_AnswerForm):
    """Confirms the authenticator app that was just set up, by its first code."""

    otp_token = code_field(_("Code"), inputmode="numeric", autofocus=False)

    def __init__(self, user: AbstractBaseUser, metadata: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        self.metadata = metadata or {}
        self.actor: AbstractBaseUser | None = None
        """Who sets the device up, if that is not its owner."""
        # On the first look the QR code comes first, and a cursor further down would scroll past it.
        self.fields["otp_token"].widget.attrs["autofocus"] = self.is_bound

    def clean(self) -> dict[str, Any]:
        """Check the code against the device that waits to be confirmed. Nothing is written before :meth:`save`."""
        self._judge(self._check)
        return self.cleaned_data

    def _check(self) -> Device:
        return enrollment.check(self.user, self.cleaned_data["otp_token"])

    def save(self) -> Device:
        """Confirm the device, by the code, and return it.

        Raises:
            Refused: the device was confirmed, replaced or removed since the form was found valid.
        """
        device = cast("TOTPDevice", self.device)
        enrollment.complete(device, self.cleaned_data["otp_token"], actor=self.actor)
        return device


class AddDeviceForm(_AnswerForm):
    """Confirms a further device, of any kind, by its first code. Valid means: it is confirmed, and the code is used up.

    Args:
        user: whose device it is.
        adding: the device that waits to be confirmed.
        store: where it is kept which code was sent, for a device that sends its codes.
    """

    otp_token = code_field(_("Code"), inputmode="numeric", autofocus=False)

    def __init__(self, user: AbstractBaseUser, adding: Device | None, store: ChallengeStore, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        self.adding = adding
        self.store = store
        # Where nothing has to be scanned first, the cursor stands in the field.
        factor = registry.factor_of(adding) if adding else None
        attrs = self.fields["otp_token"].widget.attrs
        attrs["autofocus"] = self.is_bound or not (factor and factor.scanned)
        attrs["inputmode"] = factor.inputmode if factor else "numeric"
        self.use_required_attribute = not (adding and sending.sends(adding))

    def clean(self) -> dict[str, Any]:
        """Judge the code, once, and confirm the device by it."""
        self._judge(self._complete)
        return self.cleaned_data

    @sensitive_variables("text")
    def _complete(self) -> Device:
        text = self.cleaned_data["otp_token"]
        if self.adding is None:
            raise EnrollmentEnded
        enrollment.complete(self.adding, text, self.store)
        return self.adding


class PasskeyForm(DeviceNameForm):
    """Adds the passkey that the page's script has had made. Valid means: it is stored, as ``form.device``.

    What the browser hands over comes as ``credential``, which is no field: it is never shown again.
    """

    passwordless = forms.BooleanField(
        label=_("Sign in with it without a password"),
        help_text=_("Your device then checks your PIN, fingerprint or face."),
        required=False,
    )

    def __init__(self, user: AbstractBaseUser, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.user = user
        self.request = request
        self.device: Device | None = None
        if not passkeys.may_log_in():
            del self.fields["passwordless"]

    @sensitive_variables("text")
    def clean(self) -> dict[str, Any]:
        """Store the passkey, once."""
        text = as_typed(self.data.get("credential"))
        if not text:
            self.add_error(None, forms.ValidationError(PasskeyNotMade().message, code=PasskeyNotMade.code))
        elif not self.errors:
            try:
                self.device = passkeys.add(self.request, self.user, text, self.cleaned_data["name"])
            except Refused as refusal:
                self.add_error(None, forms.ValidationError(refusal.message, code=refusal.code))
        return self.cleaned_data


class TOTPDeviceRemoveForm(_AskingForm):
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
            self._judge(self._answer)
        return self.cleaned_data

    def save(self) -> None:
        """Remove the user's devices and what stood in for them."""
        self.sessions_ended = enrollment.remove(self.user)
