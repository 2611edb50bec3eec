"""What is offered to a user who must authenticate, and which device an answer goes to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allauth.core import context
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.audit import events, log
from allauth_2fa.budget import charging, stored, throttling
from allauth_2fa.devices import passkeys, recovery_codes, sending
from allauth_2fa.devices.manage import ensure_allowed, offered
from allauth_2fa.exceptions import LoginEnded, NotYet, PasskeyExpired, Refused
from allauth_2fa.factors import registry
from allauth_2fa.factors.base import clean_answer
from allauth_2fa.state.request import request_state
from allauth_2fa.state.store import ChallengeStore

from . import addressing

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

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


def takes_words(devices: list[Any]) -> bool:
    """Return whether one of the devices takes codes of any form, a PIN with a number say. Codes that are sent are taken for numbers."""
    return any(not sending.sends(device) and _factor(device).recognizes(device, "word") for device in typed(devices))


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
        device, judged = addressing.find(user, text, device_id, typed(devices))
        # What was compared is what the shape of the answer says, before each device filled it up.
        compared = [device] if device_id else addressing.fitting(typed(devices), text if judged == text else clean_answer(text))
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
        if _factor(given.device).primary and addressing.tokens_pay(given.device, given.text):
            addressing.charge_tokens(user, text)
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
