"""The ways in which a user can answer, as the pages list them below the question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from allauth_2fa.factors import registry
from allauth_2fa.factors.totp import SEQUENCE_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PASSKEY, RECOVERY_CODE, SEQUENCE = "passkey", "recovery_code", "sequence"

KINDS = (PASSKEY, RECOVERY_CODE, SEQUENCE)
"""What a page may be asked for beside a device: ``way`` in the posted form."""


@dataclass(frozen=True, slots=True)
class Way:
    """One row of the list: a form that shows the page again and asks for this."""

    title: str
    hint: str
    icon: str
    way: str = ""
    """One of :data:`KINDS`, empty for a device."""
    device: str = ""
    """The django-otp id of the device, empty if it is not about a single one."""
    action: str = "use"
    """What the form posts as ``action``: ``use`` shows the page for this way, ``send`` has the device send a code as well."""


def listed(
    typed: Sequence[dict[str, Any]],
    passkeys: Sequence[dict[str, Any]],
    *,
    asked: dict[str, Any] | None,
    recovery_left: int,
) -> Iterator[Way]:
    """Yield the ways other than the one that the page asks for.

    Args:
        typed: the devices whose codes are typed, as pages describe them.
        passkeys: the passkeys that the page does not ask for already.
        asked: which of the devices it asks for, None for none.
        recovery_left: how many recovery codes the user may still enter; none while the page asks for one.
    """
    if passkeys:
        names = ", ".join(passkey["name"] or str(passkey["label"]) for passkey in passkeys)
        yield Way(_("Passkey"), names, "passkey", way=PASSKEY)
    yield from (_by_device(device) for device in typed if device is not asked)
    if recovery_left:
        yield _by_recovery_code()


def _by_device(device: dict[str, Any]) -> Way:
    label = capfirst(str(device["label"]))
    detail = f"\u2066{device['detail']}\u2069" if device["detail"] else ""
    is_sent_now = device["is_interactive"] and not device["is_sent"]
    if is_sent_now:
        hint = _("We'll send a code to %(address)s") % {"address": detail} if detail else _("We'll send you a code")
    else:
        hint = " · ".join(filter(None, [label if device["name"] else "", detail]))
    return Way(device["name"] or label, hint, device["icon"], device=device["id"], action="send" if is_sent_now else "use")


def _by_recovery_code() -> Way:
    return Way(_("Recovery code"), _("One of the codes that you saved"), registry.recovery.icon, way=RECOVERY_CODE)


def that_unlock(typed: Sequence[Any], passkeys: Sequence[dict[str, Any]], *, recovery_left: int) -> Iterator[Way]:
    """Yield the ways that open a lock: what nobody can guess.

    Args:
        typed: the devices whose codes are typed, as they are stored.
        passkeys: the passkeys that the page does not ask for already.
        recovery_left: how many recovery codes the user may still enter.
    """
    yield from listed([], passkeys, asked=None, recovery_left=recovery_left)
    for device in typed:
        if takes_sequence(device):
            called = device.name or str(registry.factor_in_use(device).label)
            hint = _("From %(device)s, one after another") % {"device": called}
            yield Way(_("Three codes in a row"), hint, registry.factor_in_use(device).icon, way=SEQUENCE, device=device.persistent_id)


def takes_sequence(device: Any) -> bool:
    """Return whether the device can answer with three consecutive codes."""
    return registry.factor_in_use(device).is_sequence(device, "0" * SEQUENCE_LENGTH * getattr(device, "digits", 0))
