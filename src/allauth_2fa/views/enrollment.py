"""What the pages share on which a device is added: its name, the QR code that some are scanned from, refusals at the field."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.sites.shortcuts import get_current_site
from django.forms import ValidationError
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe

from allauth_2fa import utils
from allauth_2fa.devices import enrollment, manage, passkeys
from allauth_2fa.exceptions import NoRoom, NothingEnrolled, StillRequired
from allauth_2fa.factors import lookup
from allauth_2fa.forms import DeviceNameForm

from .base import FormPage, with_next
from .first_device import EnteringMixin

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django_otp.models import Device

    from allauth_2fa.devices.enrollment import Enrolled
    from allauth_2fa.exceptions import Refused
    from allauth_2fa.factors.base import Factor

GROUP = 4
"""Characters of the secret between two gaps, for typing."""


def enrolled_by(form: Any, device: Device) -> Enrolled:
    """Return what has become of the device that a form has confirmed: a form of the project's own may do so in its own way."""
    return getattr(form, "enrolled", None) or enrollment.found(device)


def shown_by_app(request: HttpRequest, user: AbstractBaseUser) -> dict[str, str]:
    """Return what an authenticator app shows: ``issuer``, the site, and ``label``, the account, led by the issuer and a colon."""
    # Without django.contrib.sites the name is the host, with its port; apps split issuer and account at a colon.
    issuer = re.sub(r":\d+$", "", get_current_site(request).name).replace(":", "")
    return {"issuer": issuer, "label": f"{issuer}: {user.get_username()}"}


class AddingPage(EnteringMixin, FormPage):
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
            manage.name(device, name)

    def get_name_form(self) -> DeviceNameForm:
        """Return the form that names the device, with what was typed into it."""
        return DeviceNameForm(self.request.POST if self.request.method == "POST" else None)

    def form_refused(self, form: Any, refusal: Refused) -> HttpResponse:
        """Show the page again with what went wrong, and judge nothing."""
        form.errors.clear()
        form.add_error("otp_token", ValidationError(refusal.message, code=refusal.code))
        return self.form_invalid(form)

    def get_qr_code_kwargs(self) -> dict[str, str]:
        """Return what the app shows (:func:`shown_by_app`)."""
        return shown_by_app(self.request, self.get_form_user())

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


class AddingAnother(EnteringMixin):
    """A page that adds a further device of ``self.factor``, instead of another one if the address says so."""

    factor: Any

    find_factor: Callable[[], Factor]
    """Returns the factor that the page is about, or raises ``Http404``. Each page has its own."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the page to those who have proved who they are and have room for a device."""
        if away := self.turn_away(request):
            return away
        self.factor = self.find_factor()
        if self.stage is not None and not self.is_wanted(self.factor):
            raise Http404
        user = self.get_form_user()
        try:
            manage.ensure_room(user.pk)
        except NoRoom as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("two-factor-overview"))
        ask = self.ask_for_proof(request, has_factor=self.stage is None and lookup.has_primary(user))
        return ask or super().dispatch(request, *args, **kwargs)  # type: ignore[misc]

    def get_replaced(self) -> Device | None:
        """Return the device whose place the new one takes (``?replaces=ID``), None without one."""
        if self.stage is not None:
            return None
        try:
            return manage.find(self.get_form_user(), self.request.GET.get("replaces", ""))
        except NothingEnrolled:
            return None

    def remove_replaced(self) -> Device | None:
        """Remove the device whose place the new one takes, and return it, None if there is none or it has to stay."""
        old = self.get_replaced()
        try:
            is_gone = old is not None and manage.remove(old)
        except StillRequired as refusal:
            messages.error(self.request, refusal.message)
            return None
        if is_gone:
            passkeys.note_change(self.request)
        return old if is_gone else None

    def finish(self, enrolled: Enrolled) -> HttpResponse:
        """Let the login continue that waits for the device, or make the session a verified one; say what was added, and lead on."""
        codes = reverse("two-factor-backup-tokens")
        if self.stage is not None:
            self.tell(enrolled.device, None)
            return self.go_on(enrolled, codes)
        enrollment.verify_session(self.request, self.get_form_user(), enrolled)
        self.tell(enrolled.device, self.remove_replaced())
        return HttpResponseRedirect(with_next(codes if enrolled.is_first else reverse("two-factor-overview"), self.request))

    def tell(self, device: Device, replaced: Device | None) -> None:
        """Say what was added, and what is gone for it."""
        context = {"device": manage.described(device), "replaced": replaced}
        get_adapter().add_message(self.request, messages.SUCCESS, "allauth_2fa/messages/added.txt", context)
