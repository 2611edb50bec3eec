"""The forms that add a device, and those that say what it is: its name, its number or its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.devices import enrollment, passkeys, sending
from allauth_2fa.devices.enrollment import FirstCode
from allauth_2fa.exceptions import EnrollmentEnded, PasskeyNotMade, Refused
from allauth_2fa.factors import registry
from allauth_2fa.factors.base import as_typed

from .challenge import AnswerForm, code_field

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device
    from django_otp.plugins.otp_totp.models import TOTPDevice

    from allauth_2fa.devices.enrollment import Enrolled
    from allauth_2fa.factors.base import Ask, Factor
    from allauth_2fa.state.store import ChallengeStore

LONGEST_NAME = 64
"""Characters of django-otp's column."""


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


class TOTPDeviceForm(AnswerForm):
    """Confirms the authenticator app that was just set up, by its first code."""

    otp_token = code_field(_("Code"), inputmode="numeric", autofocus=False)

    def __init__(self, user: AbstractBaseUser, metadata: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        self.metadata = metadata or {}
        self.waiting: TOTPDevice | None = None
        """The device that waits to be confirmed, if the page has it at hand."""
        self.actor: AbstractBaseUser | None = None
        """Who sets the device up, if that is not its owner."""
        self.only_as_first = False
        """Whether the device may be confirmed only as the user's first one."""
        self.enrolled: Enrolled | None = None
        """What has become of the device, once it is saved."""
        # On the first look the QR code comes first, and a cursor further down would scroll past it.
        self.fields["otp_token"].widget.attrs["autofocus"] = self.is_bound

    def clean(self) -> dict[str, Any]:
        """Check the code against the device that waits to be confirmed. Nothing is written before :meth:`save`."""
        self.judge(self._check)
        return self.cleaned_data

    def _check(self) -> Device:
        device = self.waiting or enrollment.waiting(self.user)
        enrollment.check(device, self.cleaned_data["otp_token"])
        return device

    def save(self) -> Device:
        """Confirm the device, by the code, and return it.

        Raises:
            Refused: the device was confirmed, replaced or removed since the form was found valid.
        """
        device = cast("TOTPDevice", self.device)
        code = FirstCode(self.cleaned_data["otp_token"])
        self.enrolled = enrollment.complete(device, code, only_as_first=self.only_as_first, actor=self.actor)
        return device


class AddDeviceForm(AnswerForm):
    """Confirms a further device, of any kind, by its first code. Valid means: it is confirmed, and the code is used up.

    Args:
        user: whose device it is.
        request: in which the code comes.
        adding: the device that waits to be confirmed.
        store: where it is kept which code was sent, for a device that sends its codes.
    """

    otp_token = code_field(_("Code"), inputmode="numeric", autofocus=False)

    def __init__(self, user: AbstractBaseUser, request: HttpRequest, adding: Device | None, store: ChallengeStore, **kwargs: Any) -> None:
        super().__init__(user, **kwargs)
        self.request = request
        self.enrolled: Enrolled | None = None
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
        self.judge(self._complete)
        return self.cleaned_data

    @sensitive_variables("code")
    def _complete(self) -> Device:
        if self.adding is None:
            raise EnrollmentEnded
        only_as_first = not enrollment.has_proved(self.request, self.user)
        code = FirstCode(self.cleaned_data["otp_token"], self.store, self.request)
        self.enrolled = enrollment.complete(self.adding, code, only_as_first=only_as_first)
        return self.adding


class PasskeyForm(DeviceNameForm):
    """Adds the passkey that the page's script has had made. Valid means: it is stored, as ``form.device``.

    What the browser hands over comes as ``credential``, which is no field: it is never shown again.
    """

    passwordless = forms.BooleanField(
        label=_("Sign in with it without a password"),
        help_text=_("Your device then checks your PIN, fingerprint or face."),
        initial=True,
        required=False,
    )

    def __init__(self, user: AbstractBaseUser, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["name"].help_text = _("Leave it empty to name it after what holds it, your password manager for example.")
        self.user = user
        self.request = request
        self.enrolled: Enrolled | None = None
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
                self.enrolled = passkeys.add(self.request, self.user, text, self.cleaned_data["name"])
                self.device = self.enrolled.device
            except Refused as refusal:
                self.add_error(None, forms.ValidationError(refusal.message, code=refusal.code))
        return self.cleaned_data
