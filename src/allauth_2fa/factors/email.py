"""Codes by e-mail, on django-otp's own device and table, to addresses that allauth has verified.

Whoever reads the mail can often reset the password too, so this factor is weaker than others and off unless
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

from allauth_2fa.exceptions import AddressRefused, NoAddress, TooSoon

from .base import Ask
from .sent import SentCodeFactor

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

VALIDITY = 600
"""Seconds that a code holds, unless ``OTP_EMAIL_TOKEN_VALIDITY`` says otherwise: ten minutes, the most that OWASP ASVS 5.0
(6.5.5) allows. django-otp's own default of five is less than some mail takes."""

LEAST_WAIT = 30
"""Seconds between two mails, at the least. ``OTP_EMAIL_COOLDOWN_DURATION``, 60 by default, can only ask for more."""

GROUP = 3
"""Digits between two gaps, for reading."""


class EmailFactor(SentCodeFactor):
    """Codes that are mailed to an address which the user has confirmed with allauth."""

    id = "email"
    label = _("e-mail")
    icon = "mail"
    rank = 70
    opt_in = True
    address_field = "email"
    intro = _("A code is mailed to you each time you sign in.")
    asks = (
        Ask(
            "email",
            _("E-mail address"),
            nothing=_("There is no further confirmed e-mail address on your account. Confirm one there first, then come back."),
        ),
    )

    @property
    def model(self) -> type[EmailDevice]:
        """The django-otp model of this factor's devices."""
        return EmailDevice

    def detail(self, device: Device) -> str:
        """Return the address, all but hidden."""
        return masked(_wanted(device))

    # Adding

    def choices(self, user: AbstractBaseUser, name: str) -> list[str]:
        """Return the verified addresses for which the user has no device yet (two queries)."""
        held = {_wanted(device).lower() for device in self.devices(user)}
        return [address for address in _verified(user.pk) if address.lower() not in held]

    def begin(self, user: AbstractBaseUser, **facts: Any) -> Device:
        """Create the device for one of :meth:`choices`. See :meth:`Factor.begin`."""
        return super().begin(user, email=_found(facts["email"], self.choices(user, "email")))

    # Sending

    def ensure_reachable(self, device: Device) -> None:
        """Check that the address is still the user's, and verified."""
        address_of(device)

    def ensure_may_send(self, device: Device) -> None:
        """Check that the last mail was sent long enough ago. See :meth:`Factor.ensure_may_send`."""
        row: Any = device
        wait = timedelta(seconds=max(LEAST_WAIT, row.get_cooldown_duration()))
        last = row.last_generated_timestamp
        if last is not None and last + wait > timezone.now():
            raise TooSoon(last + wait)

    def make_code(self, device: Device) -> None:
        """Make a code for an address that is still verified. See :meth:`Factor.make_code`."""
        row: Any = device
        address_of(row)
        row.cooldown_set(commit=False)
        row.generate_token(valid_secs=validity())

    @sensitive_variables("code", "context")
    def deliver(self, device: Device) -> None:
        """Mail the code through allauth's adapter, which knows the project's sender, templates and back end."""
        row: Any = device
        address, code = address_of(row), row.token
        context = {
            "user": row.user,
            "code": " ".join(code[at : at + GROUP] for at in range(0, len(code), GROUP)),
            "minutes": max(1, round(validity() / 60)),
            "asked_at": timezone.now(),
            "asked_from": asked_from(),
        }
        get_adapter().send_mail("allauth_2fa/email/code", address, context)


def validity() -> int:
    """Return for how many seconds a code holds."""
    return getattr(settings, "OTP_EMAIL_TOKEN_VALIDITY", VALIDITY)


def asked_from() -> str:
    """Return the network address of the request that is being served, empty if there is none or it is not known."""
    if current.request is None:
        return ""
    try:
        return str(ip_address(get_adapter().get_client_ip(current.request)))
    except (ImproperlyConfigured, PermissionDenied, ValueError):
        # Headers of proxies can be made up. That stops no mail, and is not repeated in it.
        return ""


def address_of(device: Device) -> str:
    """Return where the device's mail goes: the user's verified address, as allauth has it (one query).

    The mail is never sent to what the device's own row says. Letters that look alike, or are taken for each other by some
    database, may make that another mailbox.

    Nor does a device without an address of its own follow that of its user, as django-otp has it: whoever could move that would
    get the codes.

    Raises:
        NoAddress: the device has none.
        AddressRefused: the user has no such address any more, or it is not verified.
    """
    wanted = _wanted(device)
    if not wanted:
        raise NoAddress
    return _found(wanted, _verified(device.user_id))


def _wanted(device: Any) -> str:
    """Return where the device's row says that its codes go, empty if it says nothing."""
    return device.email or ""


def _verified(user_id: object) -> list[str]:
    rows = EmailAddress.objects.filter(user_id=user_id, verified=True)
    return list(rows.order_by("-primary", "email").values_list("email", flat=True))


def _found(wanted: object, addresses: list[str]) -> str:
    """Return the one of the addresses that is wanted; capital letters make no difference."""
    address = next((address for address in addresses if address.lower() == f"{wanted}".lower()), None)
    if address is None:
        raise AddressRefused
    return address


def masked(address: str) -> str:
    """Return enough of the address to know it by: ``a•••@example.com``.

    How long the name is does not show, and of one or two letters none is left.
    """
    name, at, host = address.rpartition("@")
    return f"{name[0] if len(name) > 2 else ''}•••@{host}" if at else ""  # noqa: PLR2004 - see above
