"""Codes by e-mail to addresses that allauth has verified, with django-otp's own device model.

A person who can read the mail can often reset the password too. So this factor is weaker than others, and off unless
``ALLAUTH_2FA_FACTORS`` names it.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core import context as current
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp.plugins.otp_email.models import EmailDevice

from allauth_2fa import mails
from allauth_2fa.exceptions import AddressRefused, NoAddress, TooSoon
from allauth_2fa.mails import Mail

from .base import Ask
from .sent import SentCodeFactor

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

VALIDITY = 600
"""Lifetime of a code in seconds, unless ``OTP_EMAIL_TOKEN_VALIDITY`` is set: ten minutes, the most that OWASP ASVS 5.0
(6.5.5) allows. Some mail takes longer than django-otp's default of five minutes."""

LEAST_WAIT = 30
"""Shortest time between two mails in seconds. ``OTP_EMAIL_COOLDOWN_DURATION``, 60 by default, can only make it longer."""

GROUP = 3
"""Number of digits between two blanks in the mail, for reading."""


class EmailFactor(SentCodeFactor):
    """Sends codes to an e-mail address that the user has verified with allauth."""

    id = "email"
    label = _("e-mail")
    heading = _("Get codes by e-mail")
    icon = "mail"
    rank = 70
    opt_in = True
    address_field = "email"
    intro = _("We e-mail you a code each time you sign in.")
    asks = (
        Ask(
            "email",
            _("E-mail address"),
            nothing=_("Your account has no other confirmed e-mail address. Confirm one, then come back."),
        ),
    )

    @property
    def model(self) -> type[EmailDevice]:
        """The django-otp model of this factor's devices."""
        return EmailDevice

    def detail(self, device: Device) -> str:
        """Return the masked address."""
        return masked(_wanted(device))

    # Adding

    def choices(self, user: AbstractBaseUser, name: str) -> list[str]:
        """Return the user's verified addresses that have no device yet (two queries)."""
        held = {_wanted(device).lower() for device in self.devices(user)}
        return [address for address in _verified(user.pk) if address.lower() not in held]

    def begin(self, user: AbstractBaseUser, **facts: Any) -> Device:
        """Create the device for an address from :meth:`choices`. See :meth:`Factor.begin`."""
        return super().begin(user, email=_found(facts["email"], self.choices(user, "email")))

    # Sending

    def ensure_reachable(self, device: Device) -> None:
        """Check that the address still belongs to the user and is verified."""
        address_of(device)

    def ensure_may_send(self, device: Device) -> None:
        """Check that the last mail was sent long enough ago. See :meth:`Factor.ensure_may_send`."""
        row: Any = device
        wait = timedelta(seconds=max(LEAST_WAIT, row.get_cooldown_duration()))
        last = row.last_generated_timestamp
        if last is not None and last + wait > timezone.now():
            raise TooSoon(last + wait)

    def make_code(self, device: Device) -> None:
        """Make a code, if the address is still verified. See :meth:`Factor.make_code`."""
        row: Any = device
        address_of(row)
        row.cooldown_set(commit=False)
        row.generate_token(valid_secs=validity())

    @sensitive_variables("code", "context")
    def deliver(self, device: Device) -> None:
        """Mail the code with the project's adapter, so that its sender, templates, mail backend or queue are used."""
        row: Any = device
        address, code = address_of(row), row.token
        context = {
            "user": row.user,
            "code": " ".join(code[at : at + GROUP] for at in range(0, len(code), GROUP)),
            "minutes": max(1, round(validity() / 60)),
            "asked_at": timezone.now(),
            "asked_from": asked_from(),
            "purpose": purpose_of(row),
        }
        mails.deliver(Mail("allauth_2fa/email/code", address, context, has_code=True))


def validity() -> int:
    """Return the lifetime of a code in seconds."""
    return getattr(settings, "OTP_EMAIL_TOKEN_VALIDITY", VALIDITY)


def purpose_of(device: Device) -> str:
    """Return what the code is for: ``"setup"`` of the device, ``"confirm"`` in a session, or ``"login"``."""
    if not device.confirmed:
        return "setup"
    user = getattr(current.request, "user", None)
    return "confirm" if user is not None and user.is_authenticated else "login"


def asked_from() -> str:
    """Return the IP address of the current request; empty if there is no request or its address is not known."""
    if current.request is None:
        return ""
    try:
        return str(ip_address(get_adapter().get_client_ip(current.request)))
    except (ImproperlyConfigured, PermissionDenied, ValueError):
        # Proxy headers can be forged. The mail is sent all the same, without the address.
        return ""


def address_of(device: Device) -> str:
    """Return the address to mail the device's codes to: the user's verified address as allauth stores it (one query).

    The address in the device's own row is never used. Letters that look alike, or that some databases treat as equal, could
    make it another mailbox.

    A device without an address does not fall back to the user's address, as it does in django-otp: anyone who could change
    that address would get the codes.

    Raises:
        NoAddress: the device has no address.
        AddressRefused: the address no longer belongs to the user, or is not verified.
    """
    wanted = _wanted(device)
    if not wanted:
        raise NoAddress
    return _found(wanted, _verified(device.user_id))


def _wanted(device: Any) -> str:
    """Return the address in the device's row, empty if there is none."""
    return device.email or ""


def _verified(user_id: object) -> list[str]:
    rows = EmailAddress.objects.filter(user_id=user_id, verified=True)
    return list(rows.order_by("-primary", "email").values_list("email", flat=True))


def _found(wanted: object, addresses: list[str]) -> str:
    """Return the address from the list that equals the wanted one, ignoring case.

    Raises:
        AddressRefused: the list does not contain it.
    """
    address = next((address for address in addresses if address.lower() == f"{wanted}".lower()), None)
    if address is None:
        raise AddressRefused
    return address


def masked(address: str) -> str:
    """Return the masked address: ``a•••@example.com``.

    The mask does not show the length of the local part. A local part of one or two characters is hidden completely.
    """
    name, at, host = address.rpartition("@")
    return f"{name[:1] if name[2:] else ''}•••@{host}" if at else ""
