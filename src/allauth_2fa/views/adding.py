"""What the pages share on which a device is added: its name, the QR code that some are scanned from, refusals at the field."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from django.contrib.sites.shortcuts import get_current_site
from django.forms import ValidationError
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe

from allauth_2fa import utils
from allauth_2fa.flows import devices
from allauth_2fa.forms import DeviceNameForm

from .base import FormPage, ProofRequiredMixin

if TYPE_CHECKING:
    from django.http import HttpResponse

    from allauth_2fa.exceptions import Refused

GROUP = 4
"""Characters of the secret between two gaps, for typing."""


class AddingPage(ProofRequiredMixin, FormPage):
    """A page that adds ``self.device``, which waits to be confirmed by its first code."""

    device: Any = None

    def typed_name(self) -> str:
        """Return the name that was typed beside the code."""
        form = self.get_name_form()
        return form.cleaned_data["name"] if form.is_valid() else ""

    def call(self, device: Any) -> None:
        """Call the device by the name that was typed, so that it is announced by it. Nothing is written."""
        device.name = self.typed_name() or device.name

    def give_name(self, device: Any) -> None:
        """Give the device the name that was typed beside its code."""
        if name := self.typed_name():
            devices.name(device, name)

    def get_name_form(self) -> DeviceNameForm:
        """Return the form that names the device, with what was typed into it."""
        return DeviceNameForm(self.request.POST if self.request.method == "POST" else None)

    def form_refused(self, form: Any, refusal: Refused) -> HttpResponse:
        """Show the page again with what went wrong, and judge nothing."""
        form.errors.clear()
        form.add_error("otp_token", ValidationError(refusal.message, code=refusal.code))
        return self.form_invalid(form)

    def get_qr_code_kwargs(self) -> dict[str, str]:
        """Return what the app shows: ``issuer``, the site, and ``label``, the account, led by the issuer and a colon."""
        # Without django.contrib.sites the name is the host, with its port; apps split issuer and account at a colon.
        issuer = re.sub(r":\d+$", "", get_current_site(self.request).name).replace(":", "")
        return {"issuer": issuer, "label": f"{issuer}: {self.get_form_user().get_username()}"}

    def get_qr_code_data_uri(self) -> str:
        """Return the QR code as the ``src`` of an image, as templates of 0.x show it."""
        svg = utils.generate_totp_config_svg(device=self.device, **self.get_qr_code_kwargs())
        return f"data:image/svg+xml;base64,{b64encode(svg).decode('ascii')}"

    def get_qr_code_svg(self) -> str:
        """Return the QR code as an element of the page, which needs no leave of a content security policy."""
        return mark_safe(utils.inline_totp_config_svg(device=self.device, **self.get_qr_code_kwargs()))  # noqa: S308 - segno draws rectangles

    def get_secret_context(self) -> dict[str, Any]:
        """Return the secret in each shape; the pictures are drawn only if the template shows them."""
        secret = utils.get_device_base32_secret(self.device)
        return {
            "qr_code_url": SimpleLazyObject(self.get_qr_code_data_uri),
            "qr_code_svg": SimpleLazyObject(self.get_qr_code_svg),
            "secret": secret,
            "secret_groups": [secret[at : at + GROUP] for at in range(0, len(secret), GROUP)],
            "otpauth_url": utils.otpauth_url(self.device, **self.get_qr_code_kwargs()),
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the form that names the device beside the one that confirms it."""
        return {**super().get_context_data(**kwargs), "name_form": self.get_name_form()}
