"""What is offered to a user who must authenticate, and which device an answer goes to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allauth.core import context
from django.views.decorators.debug import sensitive_variables
from django_otp.models import Device

from allauth_2fa.audit import events, log
from allauth_2fa.budget import charging, stored, throttling
from allauth_2fa.devices import passkeys, recovery_codes, sending
from allauth_2fa.devices.manage import ensure_allowed, offered
from allauth_2fa.exceptions import LoginEnded, NothingEnrolled, NotYet, PasskeyExpired, RecoveryCodeRefused, Refused
from allauth_2fa.factors import registry
from allauth_2fa.factors.asked import asked
from allauth_2fa.factors.base import clean_answer
from allauth_2fa.factors.static import spellings
from allauth_2fa.state.request import request_state
from allauth_2fa.state.store import ChallengeStore

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

    from allauth_2fa.budget.budget import Budget
    from allauth_2fa.factors.base import Factor


MOST_UNCHARGED, UNCHARGED_TIME = 10, timedelta(hours=1)
"""How many refused answers of a user that no budget limits are announced in that time."""


@sensitive_variables("text")
def offers(user: AbstractBaseUser, text: str = "") -> list[Any]:
    """Return the devices that may be asked for, the last used one first (one query a factor).

    Args:
        user: whose devices they are.
        text: the answer, if there is one already. ``device.is_static`` then says if it is a static token.

    In the same query, ``device.recovery_left`` says how many recovery codes the user has left before an answer is checked, and
    ``device.budget`` the failure budget of this browser.
    """
    facts = stored.annotation(user, context.request) | {"recovery_left": recovery_codes.left_fact(user)}
    if text:
        facts |= {"is_static": registry.static.holds(user, text)}
    return offered(user, None, **facts)


def typed(devices: list[Any]) -> list[Any]:
    """Return those of the devices whose answers are typed into a field."""
    return [device for device in devices if _factor(device).typed]


@sensitive_variables("text", "judged")
def answer(
    user: AbstractBaseUser,
    text: str,
    device_id: str | None = None,
    *,
    devices: list[Any] | None = None,
    store: ChallengeStore | None = None,
) -> Device:
    """Judge an answer, once, by the one device that it is addressed to, and return that device.

    What came of it is announced. A device of recovery codes tells in ``device.recovery_left`` how many there are after this one.

    Args:
        user: the user who must authenticate. Only this user's devices are looked at.
        text: what was given back, as typed.
        device_id: the django-otp id of the device that was chosen on the page, None where one field serves all.
        devices: what :func:`offers` gave for this user and text, if the caller has it already.
        store: what :func:`.sending.send` wrote to; a code that was sent counts only where it was asked for.

    Raises:
        Refused: the answer proves nothing, or is not judged now; the exception says why.
        LoginEnded: the user has no device left to prove anything with.
    """
    devices = offers(user, text) if devices is None else devices
    store = store or ChallengeStore({})
    if not devices:
        raise LoginEnded
    sending.bind(devices, store)
    budget = _budget(user, devices)
    device: Device | None = None
    judged = text
    try:
        if passkeys.recognizes(text):
            device = passkeys.answer(context.request, user, text, devices, store)
            ensure_allowed(user, device)
            return device
        device, judged = _addressed(user, text, device_id, typed(devices))
        # What was compared is what the shape of the answer says, before each device filled it up.
        compared = [device] if device_id else _fitting(typed(devices), text if judged == text else clean_answer(text))
        _judge(user, text, charging.Answer(budget, device, judged, compared))
    except Refused as refusal:
        factor = passkeys.factor() if passkeys.recognizes(text) else None
        _tell_refused(user, refusal, device, factor, is_charged=refusal.judged and _is_guess(device, judged))
        raise
    if not _factor(device).primary:
        device.recovery_left = _left_now(user, devices)
        events.announce("recovery_code_used", user, left=device.recovery_left)
    return device


def _left_now(user: AbstractBaseUser, devices: list[Any]) -> int:
    """Return how many recovery codes are left after this one (no query, if they were counted before it was judged)."""
    before: int | None = getattr(devices[0], "recovery_left", None)
    return recovery_codes.left(user) if before is None else max(0, before - 1)


@sensitive_variables("text", "given")
def _judge(user: AbstractBaseUser, text: str, given: charging.Answer) -> None:
    try:
        sending.ensure_sent(given.device)
        charging.judge_answer(user, context.request, given)
    except Refused:
        if _factor(given.device).primary and _tokens_pay(given.device, given.text):
            _charge_tokens(user, text)
        raise
    # Judged first, so that it cost what answers cost: beside a device that refuses for nothing, others could be guessed.
    ensure_allowed(user, given.device)


@sensitive_variables("judged")
def _is_guess(device: Any, judged: str) -> bool:
    """Return whether a wrong answer, as the device judges it, is charged to the failure budget."""
    return device is not None and _factor(device).is_guess(judged) and not _factor(device).is_sequence(device, judged)


def _tell_refused(user: AbstractBaseUser, refusal: Refused, device: Device | None, factor: Factor | None, *, is_charged: bool) -> None:
    """Announce a refusal, unless it came too early or too late to be looked at: a million of those can be had for nothing.

    The same holds for what is judged and charged to no budget, a passkey's JSON that nobody has signed say: a few of those an
    hour are written down.

    It is outside of every transaction that the refusal rolls back.
    """
    if isinstance(refusal, (NotYet, PasskeyExpired)):
        return
    factor = registry.factor_of(device) if device else factor
    if is_charged or not log.is_full("challenge_refused", user, MOST_UNCHARGED, UNCHARGED_TIME):
        events.announce("challenge_refused", user, device=device, factor=factor.id if factor else "", reason=refusal.code)


def _budget(user: AbstractBaseUser, devices: list[Any]) -> Budget:
    """Return the budget that wrong answers are charged to, and note it for what follows the answer."""
    request = context.request
    budget = stored.budget_of(user, request, devices)
    if request is not None:
        request_state(request).budget = budget
    throttling.clear(budget, devices)
    return budget


_factor = registry.factor_in_use


# Whom an answer is for


@sensitive_variables("text", "cleaned")
def _addressed(user: AbstractBaseUser, text: str, device_id: str | None, devices: list[Any]) -> tuple[Device, str]:
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
def _fitting(devices: list[Any], cleaned: str) -> list[Any]:
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
    if _pays(device):
        return bool(device.verify_is_allowed()[0])
    return _tokens_pay(device, clean_answer(text)) and bool(_static_device(user, text).verify_is_allowed()[0])


@sensitive_variables("cleaned")
def _tokens_pay(device: Any, cleaned: str) -> bool:
    """Return whether a wrong answer for the device is paid for by the user's tokens, because the device pays nothing.

    Digits for a device that sends codes are none of their business: they are a code that came too late.
    """
    return not _pays(device) and not (sending.sends(device) and _is_digits(cleaned))


def _pays(device: Any) -> bool:
    """Return whether a wrong answer costs the device anything: it is judged, and the device is throttled for it."""
    throttles = getattr(device, "throttling_enabled", type(device).verify_is_allowed is not Device.verify_is_allowed)
    return bool(throttles) and (not sending.sends(device) or asked(device) is not None)


@sensitive_variables("text")
def _charge_tokens(user: AbstractBaseUser, text: str) -> None:
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
    fitting = _fitting(devices, cleaned)
    if not fitting:
        return _for_digits(devices, cleaned)
    taking = (device for device in fitting if _accepts(device, cleaned))
    in_a_row = next((device for device in fitting if _takes_row(device, cleaned)), None)
    if in_a_row is not None:
        return in_a_row
    first = next((device for device in fitting if _pays(device)), fitting[0])
    allowed, _facts = first.verify_is_allowed()
    return next(taking, first) if allowed else first


@sensitive_variables("cleaned")
def _takes_row(device: Any, cleaned: str) -> bool:
    return _factor(device).is_sequence(device, cleaned) and _factor(device).accepts(device, cleaned)
