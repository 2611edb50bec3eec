"""What clients post: forms of allauth's kind, made of JSON."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from allauth_2fa.forms.devices import LONGEST_NAME

from .compat import inputs


class CodeInput(inputs.Input):
    """An answer that somebody has typed.

    ``device`` is ours, and optional: the id of the device that the answer is for. Without it, the shape of the answer says.
    """

    code = inputs.CharField(error_messages={"required": _("Enter the code.")})
    device = inputs.CharField(required=False)

    @property
    def answer(self) -> str:
        """The answer."""
        return self.cleaned_data["code"]

    @property
    def device_id(self) -> str | None:
        """The django-otp id of the device, None if none was chosen."""
        return self.cleaned_data["device"] or None


class NameInput(inputs.Input):
    """What the owner calls a new device. Beside the code of an app it is ours, and optional."""

    name = inputs.CharField(required=False, max_length=LONGEST_NAME)


class FirstCodeInput(NameInput):
    """The first code of an authenticator app."""

    code = inputs.CharField(error_messages={"required": _("Enter the code.")})


class CredentialField(inputs.Field):
    """What a browser hands over for a passkey: an object. It is passed on as text, which is read where it is judged."""

    def to_python(self, value: Any) -> str | None:
        """Return the object as JSON.

        Raises:
            ValidationError: it is no object.
        """
        if value in self.empty_values:
            return None
        if not isinstance(value, dict):
            raise ValidationError(_("This is not the answer of a passkey."), code="invalid")
        return json.dumps(value)


class CredentialInput(inputs.Input):
    """The answer of a passkey."""

    credential = CredentialField()
    device_id = None

    @property
    def answer(self) -> str:
        """The answer, as JSON."""
        return self.cleaned_data["credential"]


class TrustInput(inputs.Input):
    """Whether the browser is to be trusted."""

    trust = inputs.BooleanField(required=False)


class AddPasskeyInput(NameInput):
    """What the browser has made, and what its owner calls it."""

    credential = CredentialField()


class RenamePasskeyInput(inputs.Input):
    """A passkey, by its id, and its new name."""

    id = inputs.CharField()
    name = inputs.CharField(max_length=LONGEST_NAME)


class IdsField(inputs.Field):
    """A list of ids."""

    def to_python(self, value: Any) -> list[str]:
        """Return the ids as text, each one once.

        Raises:
            ValidationError: it is no list of numbers or texts.
        """
        if not isinstance(value or [], list) or not all(isinstance(each, (int, str)) for each in value or []):
            raise ValidationError(_("Post a list of ids."), code="invalid")
        return list(dict.fromkeys(map(str, value or [])))


class RemovePasskeysInput(inputs.Input):
    """Passkeys, by their ids."""

    authenticators = IdsField()
