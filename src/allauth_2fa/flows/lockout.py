"""The failure budget: no code is judged before a try has been taken out of a purse, which somebody has to have in it.

The purses are rows of :class:`~allauth_2fa.models.Browser`. A browser in which the user has verified before has its own, so
that nobody who knows the password can empty it from elsewhere; all other browsers share one. A purse is written by one
conditional UPDATE, or under the row's lock when somebody else was faster: however many answers come at once, by however
many devices, logins and processes, no more of them are judged than it holds. A right answer takes nothing, but it has its
turn among the others: behind the last failure that there was room for, it is refused as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.views.decorators.debug import sensitive_variables
from django_otp.models import ThrottlingMixin

from allauth_2fa import events
from allauth_2fa.exceptions import Locked, Refused
from allauth_2fa.factors import registry
from allauth_2fa.models import Browser

from . import browsers, challenge, counting, limits
from .purse import Purse, now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

    from allauth_2fa.exceptions import NotYet


# Judging


@dataclass(frozen=True, slots=True)
class Answer:
    """What was given back, and what stands in for it if it is wrong."""

    purse: Purse
    device: Any
    """Whom it is for."""
    text: str = field(repr=False)
    compared: Sequence[Any]
    """The devices that it is compared with, several where none was chosen."""


@sensitive_variables("answer", "judge_it")
def judge_answer(user: AbstractBaseUser, request: HttpRequest | None, answer: Answer) -> None:
    """Have an answer judged by its device, within the budget if it could be a guess. Raises as :func:`judge` does."""
    device, factor = answer.device, registry.factor_in_use(answer.device)
    judge_it = partial(factor.judge, device, answer.text)
    if factor.is_row(device, answer.text):
        if not factor.accepts(device, answer.text):
            ration(answer.purse)
        judge_it()
    elif factor.is_guess(answer.text):
        # A device that makes its owner wait does not judge, and then there is nothing to be known before.
        is_right = factor.accepts(device, answer.text) and bool(device.verify_is_allowed()[0])
        odds = sum(registry.factor_in_use(other).odds(other) for other in answer.compared)
        judge(user, request, answer.purse, Guess(judge_it, is_right, limits.worth(odds)))
    else:
        judge_it()


@dataclass(frozen=True, slots=True)
class Guess:
    """An answer that could be hit by chance."""

    judge: Callable[[], None] = field(repr=False)
    """Accepts the answer, or raises what it is instead."""
    is_right: bool = False
    """Whether it is known to be right before it is judged."""
    worth: int = 1
    """How many guesses at an app it is worth."""


@sensitive_variables("guess")
def judge(user: AbstractBaseUser, request: HttpRequest | None, purse: Purse, guess: Guess) -> None:
    """Judge a guess, if there is room for a failure, and count it if it is one.

    Raises:
        Locked: the long purse is empty.
        Throttled: there is no room for now.
        Refused: the answer proves nothing; the exception says why.
        LoginEnded: the user is gone.
    """
    if guess.is_right:
        _judge_right(user, request, purse, guess)
    else:
        _judge_any(user, request, purse, guess)


@sensitive_variables("guess")
def _judge_any(user: AbstractBaseUser, request: HttpRequest | None, purse: Purse, guess: Guess) -> None:
    """Take a try, judge, and give it back if it was none."""
    purse = counting.write(purse, lambda found: _spent(found, guess.worth))
    failure = purse.failures[-1] if purse.failures else None
    try:
        guess.judge()
    except Refused as refusal:
        if refusal.judged:
            _announce_lock(user, purse, guess.worth)
        else:
            counting.write(purse, lambda found: found.given_back(failure))
        raise
    entry = browsers.Entry.of(request) if purse.is_known else None
    if counting.write(purse, lambda found: {**found.given_back(failure), **_renewed(found, entry)}).is_known:
        _note(request, purse, entry)


@sensitive_variables("guess")
def _judge_right(user: AbstractBaseUser, request: HttpRequest | None, purse: Purse, guess: Guess) -> None:
    """Take a try and give it back in one statement, which makes the browser a known one, then judge."""
    entry = browsers.Entry.of(request)
    entered = _enter(purse, entry, guess.worth)
    if entered.is_known:
        # Its row has the new value already, whatever comes of the answer.
        _note(request, purse, entry)
    try:
        guess.judge()
    except Refused as refusal:
        # Somebody else was faster with the same code, or its time was over just then.
        if entry is not None and not entered.is_known:
            Browser.objects.filter(user_id=purse.user_id, digest=entry.digest).delete()
        if refusal.judged:
            _announce_lock(user, counting.write(entered, lambda found: _spent(found, guess.worth)), guess.worth)
        raise
    if not entered.is_known:
        _note(request, purse, entry)


def _enter(purse: Purse, entry: browsers.Entry | None, worth: int) -> Purse:
    """Check that there is room for a guess that is right, have its turn among the others, and make the browser a known one.

    Returns:
        The purse that it had its turn in, as it then is.
    """
    _ensure(purse.refusal(worth))
    if entry is not None and not purse.is_known and counting.entered(purse, entry):
        return purse
    written = counting.write(purse, lambda found: _passed(found, worth, entry))
    if entry is not None and not written.is_known:
        Browser.objects.create(user_id=purse.user_id, **entry.columns)
    return written


def ration(purse: Purse) -> None:
    """Count one more of the answers that no budget limits: they are judged as often as short windows permit.

    Several codes in a row are counted when they are wrong, and never hold up right ones: nobody guesses those.

    Raises:
        Throttled: too many of them were tried just now.
        LoginEnded: the user is gone.
    """
    counting.write(purse, _proof_spent)


def _spent(purse: Purse, worth: int) -> dict[str, Any]:
    _ensure(purse.refusal(worth))
    return purse.failed(worth)


def _proof_spent(purse: Purse) -> dict[str, Any]:
    _ensure(purse.proof_refusal())
    return purse.proof_failed()


def _passed(purse: Purse, worth: int, entry: browsers.Entry | None) -> dict[str, Any]:
    _ensure(purse.refusal(worth))
    return _renewed(purse, entry)


def _ensure(refusal: NotYet | None) -> None:
    if refusal is not None:
        raise refusal


def _renewed(purse: Purse, entry: browsers.Entry | None) -> dict[str, Any]:
    """Return what a success writes to the row of a known browser, and nothing for all others together."""
    return {"in_a_row": 0, **(entry.columns if entry else {})} if purse.is_known else {}


def _announce_lock(user: AbstractBaseUser, purse: Purse, worth: int) -> None:
    """Announce that the failure that was just counted has locked the purse."""
    refusal = purse.refusal(worth)
    if isinstance(refusal, Locked):
        events.announce("locked", user, purse=purse.place, until=refusal.until or "")


# What a verified user leaves behind


def _note(request: HttpRequest | None, purse: Purse, entry: browsers.Entry | None) -> None:
    """Hand out the cookie by which the browser is known from now on."""
    if request is not None and entry is not None:
        entry.hand_out(request, purse.user_id, purse.digest)


def verified(request: HttpRequest, user: AbstractBaseUser, device: Device) -> None:
    """Know this browser again, now that the user has verified in it, and open its purse if that was locked.

    Nothing is left to do behind a guess. Whatever else was accepted could not be guessed, and opens a lock.
    """
    if browsers.was_noted(request, user):
        return
    purse = challenge.notes(request).purse
    if purse is None or purse.user_id != user.pk:
        purse = counting.purse_of(user, request)
    entry, old, is_locked = browsers.Entry.made(request), purse.digest, purse.is_locked
    if is_locked or purse.is_known:
        opened = EMPTIED if is_locked else {}
        purse = counting.write(purse, lambda found: {**opened, **_renewed(found, entry)})
    if purse.digest != entry.digest:
        Browser.objects.create(user_id=user.pk, **entry.columns)
    entry.hand_out(request, user.pk, old)
    if is_locked:
        _reset_throttling(user)
        factor = registry.factor_of(device)
        events.announce("unlocked", user, request=request, device=device, how=factor.id if factor else "")


EMPTIED = {"failures": "", "proofs": "", "in_a_row": 0}
"""The columns of a purse in which nothing is counted."""


def open(user: AbstractBaseUser, how: str, reason: str = "", **who: Any) -> bool:  # noqa: A001 - lockout.open() is what it does
    """Open whatever is locked for this user, and forget what was counted. Announce and tell whether anything was.

    Args:
        user: whose codes are judged again.
        how: who opens it: "command", "admin".
        reason: why.
        who: ``request`` and ``actor``, as :func:`~allauth_2fa.events.announce` takes them.
    """
    counted = Browser.purses.filter(user_id=user.pk).exclude(**EMPTIED)
    with transaction.atomic():
        purses = counted.update(version=F("version") + 1, **EMPTIED)
        was_counted = bool(purses + _reset_throttling(user))
        if was_counted:
            events.announce("unlocked", user, how=how, reason=reason, **who)
    return was_counted


def locked(user: AbstractBaseUser) -> list[Purse]:
    """Return the purses of the user that are locked (one query)."""
    purses = [Purse.of(user.pk, row) for row in Browser.purses.filter(user_id=user.pk).values(*counting.COLUMNS)]
    return [purse for purse in purses if purse.is_locked]


# django-otp's own throttling

UNTHROTTLED = {"throttling_failure_count": 0, "throttling_failure_timestamp": None}


def _reset_throttling(user: AbstractBaseUser) -> int:
    """Let no device wait any more, since it would be of no use that it may be tried; return how many have counted."""
    models = [factor.model for factor in registry.factors() if _throttles(factor.model)]
    counted = (model._default_manager.filter(user_id=user.pk).exclude(**UNTHROTTLED) for model in models)  # noqa: SLF001 - documented
    return sum(devices.update(**UNTHROTTLED) for devices in counted)


def lift(purse: Purse, devices: Sequence[Any]) -> None:
    """Let devices that wait because of wrong codes elsewhere not wait in a browser in which the user has verified.

    Wrong codes in this very browser make a device wait as long as the site has configured.
    """
    if purse.is_known:
        for device in devices:
            if _throttles(type(device)) and not device.verify_is_allowed()[0] and not _waits_here(purse, device):
                type(device)._default_manager.filter(pk=device.pk).update(**UNTHROTTLED)  # noqa: SLF001 - documented
                vars(device).update(UNTHROTTLED)


def lift_tokens(purse: Purse | None, device: Any) -> bool:
    """Let static tokens that wait not wait in a browser in which the user has verified, and return whether they did.

    Each answer that is tried as one of them while they wait is rationed there, right or wrong: they can be guessed, and
    those that have letters are in no budget.

    Raises:
        Throttled: too many were tried in this browser just now.
    """
    if purse is None or not purse.is_known or device.verify_is_allowed()[0]:
        return False
    ration(purse)
    type(device)._default_manager.filter(pk=device.pk).update(**UNTHROTTLED)  # noqa: SLF001 - documented
    return True


def _throttles(model: type[Device]) -> bool:
    return issubclass(model, ThrottlingMixin)


def _waits_here(purse: Purse, device: Any) -> bool:
    """Tell whether the device would wait if there were no other failures than those of this browser."""
    count = min(purse.in_a_row, device.throttling_failure_count)
    if not count or not purse.failures:
        return False
    waited = (now() - purse.failures[-1].at) / 1000
    return bool(waited < device.get_throttle_factor() * 2 ** (count - 1))
