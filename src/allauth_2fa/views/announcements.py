"""Messages about recovery codes: that one was used, and that few are left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from allauth_2fa.devices import recovery_codes

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

USED, FEW = "allauth_2fa/messages/recovery_codes_left.txt", "allauth_2fa/messages/few_recovery_codes.txt"


def tell_at_login(request: HttpRequest, user: AbstractBaseUser, device: Device) -> None:
    """Tell a user who has just logged in by this device about their recovery codes.

    Whoever has used one reads how many are left. Everybody else reads it only if few are left. It costs no query: the answer's
    own statements have counted them.
    """
    left = getattr(device, "recovery_left", None)
    if recovery_codes.is_recovery(device):
        tell_code_used(request, user, device)
    elif left is not None and recovery_codes.are_few(left):
        _tell(request, FEW, left)


def tell_code_used(request: HttpRequest, user: AbstractBaseUser, device: Device) -> None:
    """Tell a user who has used a recovery code how many are left, counted here if a form of the project's own has checked it."""
    left = getattr(device, "recovery_left", None)
    _tell(request, USED, recovery_codes.left(user) if left is None else left)


def _tell(request: HttpRequest, template: str, left: int) -> None:
    """Add the message, with a link to the page where codes are made if few are left.

    The adapter of a project may keep a message back. It renders plain text alone, so the link is added after it.
    """
    storage: Any = messages.get_messages(request)
    before = len(storage)
    get_adapter().add_message(request, messages.WARNING, template, {"codes_left": left})
    if len(storage) == before or not recovery_codes.are_few(left):
        return
    was_used = storage.used
    *_others, added = storage
    # A look at the messages counts as having shown them.
    storage.used = was_used
    link = reverse("two-factor-backup-tokens")
    added.message = format_html('{} <a href="{}">{}</a>', added.message, link, _("Create new recovery codes"))
