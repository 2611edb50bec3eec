"""Whom an answer is for: the device that was chosen on the page, or the one whose codes look like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.core import context
from django.views.decorators.debug import sensitive_variables
from django_otp.models import Device

from allauth_2fa.budget import throttling
from allauth_2fa.devices import sending
from allauth_2fa.exceptions import NothingEnrolled, RecoveryCodeRefused, Refused
from allauth_2fa.factors import registry
from allauth_2fa.factors.asked import asked
from allauth_2fa.factors.base import clean_answer
from allauth_2fa.factors.static import spellings
from allauth_2fa.state.request import request_state

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

    from allauth_2fa.budget.budget import Budget

_factor = registry.factor_in_use


@sensitive_variables("text", "cleaned")
def find(user: AbstractBaseUser, text: str, device_id: str | None, devices: list[Any]) -> tuple[Device, str]:
    """Find out whom an answer is for: by the choice on the page, or by its shape."""
    cleaned = clean_answer(text)
    if not cleaned or "\0" in text:
        raise Refused
    if registry.recovery.recognizes_text(text) and not any(_accepts(device, cleaned) for device in devices):
        return _recovery_device(user, text), text
    device = _chosen(devices, device_id, cleaned) if device_id else _by_shape(devices, cleaned)
    if device is None:
        return _static_device(user, text), text
    is_static = getattr(device, "is_static", False) and _for_digits(devices, cleaned) is None and not _accepts(device, cleaned)
    may_be_static = is_static and _may_be_static(user, device, text)
    return (_static_device(user, text), text) if may_be_static else (device, _factor(device).filled(device, cleaned))


@sensitive_variables("cleaned")
def _accepts(device: Any, cleaned: str) -> bool:
    factor = _factor(device)
    return factor.accepts(device, factor.filled(device, cleaned))


@sensitive_variables("cleaned", "exactly")
def fitting(devices: list[Any], cleaned: str) -> list[Any]:
    """Return the devices whose codes look like the answer, also once leading zeros are put before it.

    If the answer has exactly the length of some device's codes, it has lost no zeros.
    """
    exactly = [device for device in devices if _factor(device).recognizes(device, cleaned)]
    if not all(_takes_any_length(device, cleaned) for device in exactly):
        return exactly
    return [
        device for device in devices if device in exactly or _factor(device).recognizes(device, _factor(device).filled(device, cleaned))
    ]


@sensitive_variables("cleaned")
def _takes_any_length(device: Any, cleaned: str) -> bool:
    """Return whether codes of the device may have another length than this answer: models choose that of codes that are sent."""
    return any(_factor(device).recognizes(device, other) for other in (cleaned[:-1], f"{cleaned}0"))


@sensitive_variables("text")
def _may_be_static(user: AbstractBaseUser, device: Any, text: str) -> bool:
    """Return whether an answer for the device may be tried as a token too.

    While the device that pays for wrong answers is throttled it is not tried: that would be for nothing.
    """
    is_for_tokens = tokens_pay(device, clean_answer(text))
    paying = _static_device(user, text) if is_for_tokens else device
    return (is_for_tokens or _pays(device)) and bool(paying.verify_is_allowed()[0])


@sensitive_variables("cleaned")
def tokens_pay(device: Any, cleaned: str) -> bool:
    """Return whether a wrong answer for the device is paid for by the user's tokens, because the device pays nothing.

    Digits for a device that sends codes are none of their business: they are a code that came too late.
    """
    return not _pays(device) and not (sending.sends(device) and _is_digits(cleaned))


def _pays(device: Any) -> bool:
    """Return whether a wrong answer costs the device anything: it is judged, and the device is throttled for it."""
    throttles = getattr(device, "throttling_enabled", type(device).verify_is_allowed is not Device.verify_is_allowed)
    return bool(throttles) and (not sending.sends(device) or asked(device) is not None)


@sensitive_variables("text")
def charge_tokens(user: AbstractBaseUser, text: str) -> None:
    """Let the user's tokens pay for an answer that was tried as one of them, and cost the device that refused it nothing."""
    device = registry.static.addressed(user, text)
    if device is None or not spellings(text):
        return
    if device.verify_is_allowed()[0]:
        registry.static.charge(device)
    else:
        throttling.clear_token_throttling(_noted_budget(), device)


@sensitive_variables("text")
def _recovery_device(user: AbstractBaseUser, text: str) -> Device:
    device = registry.recovery.devices(user).first()
    return device or _static_device(user, text)


@sensitive_variables("text")
def _static_device(user: AbstractBaseUser, text: str) -> Device:
    device = registry.static.addressed(user, text)
    if device is not None and throttling.clear_token_throttling(_noted_budget(), device):
        # While it waited, it alone was looked at.
        device = registry.static.addressed(user, text)
    if device is None:
        raise RecoveryCodeRefused
    return device


def _noted_budget() -> Budget | None:
    """Return what wrong answers are taken out of in this browser, as it was read for this answer."""
    return request_state(context.request).budget if context.request is not None else None


@sensitive_variables("cleaned")
def _chosen(devices: list[Any], device_id: str, cleaned: str) -> Any:
    """Return the device that was chosen on the page, None for an answer that does not look like one of its codes."""
    chosen = next((device for device in devices if device.persistent_id == device_id), None)
    if chosen is None:
        raise NothingEnrolled
    is_meant = _factor(chosen).recognizes(chosen, cleaned) or _for_digits(devices, cleaned) is not None
    return chosen if is_meant else None


@sensitive_variables("cleaned")
def _for_digits(devices: list[Any], cleaned: str) -> Any:
    """Return the first device with codes of digits for an answer of digits: beside such a device it is no static token."""
    return next((device for device in devices if _factor(device).inputmode == "numeric"), None) if _is_digits(cleaned) else None


@sensitive_variables("cleaned")
def _is_digits(cleaned: str) -> bool:
    return cleaned.isascii() and cleaned.isdigit()


@sensitive_variables("cleaned")
def _by_shape(devices: list[Any], cleaned: str) -> Any:
    """Return the device that takes the code, else the one that pays for a wrong one, None if no device has such codes.

    That is the last used one of those whose codes look like it and which are throttled: beside one that pays nothing (it
    has no throttling, or was sent no code), all others could be guessed for free. While it is throttled it alone is asked,
    or a guesser could go on at the others. Codes in a row that some device takes are for that one: nobody guesses those.
    """
    alike = fitting(devices, cleaned)
    if not alike:
        return _for_digits(devices, cleaned)
    taking = (device for device in alike if _accepts(device, cleaned))
    in_a_row = next((device for device in alike if _takes_row(device, cleaned)), None)
    if in_a_row is not None:
        return in_a_row
    first = next((device for device in alike if _pays(device)), alike[0])
    allowed, _facts = first.verify_is_allowed()
    return next(taking, first) if allowed else first


@sensitive_variables("cleaned")
def _takes_row(device: Any, cleaned: str) -> bool:
    return _factor(device).is_sequence(device, cleaned) and _factor(device).accepts(device, cleaned)
