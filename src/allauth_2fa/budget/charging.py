"""The failure budget: every attempt is charged to a failure budget before it is judged.

The budgets are rows of :class:`~allauth_2fa.models.Browser`. A browser in which the user has verified before has its own, so
that nobody who knows the password can empty it from elsewhere; all other browsers share one. A budget is written by one
conditional UPDATE, or under the row's lock when somebody else was faster: however many answers come at once, by however
many devices, logins and processes, no more of them are judged than it holds. A right answer costs nothing, but it has its
turn among the others: after the last failure that the budget permits, it is refused as they are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.audit import events
from allauth_2fa.browsers import device_cookie
from allauth_2fa.exceptions import Locked, Refused
from allauth_2fa.factors import registry
from allauth_2fa.models import Browser
from allauth_2fa.state.request import request_state

from . import limits, stored, throttling
from .budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

    from allauth_2fa.exceptions import NotYet


# Judging


class Answer(NamedTuple):
    """What was given back, and what stands in for it if it is wrong."""

    budget: Budget
    device: Any
    """Whom it is for."""
    text: str
    compared: Sequence[Any]
    """The devices that it is compared with, several where none was chosen."""

    def __repr__(self) -> str:
        """Return the name alone: error reports show this, and the text may be a code."""
        return f"<{type(self).__name__}>"


@sensitive_variables("answer", "judge_it")
def judge_answer(user: AbstractBaseUser, request: HttpRequest | None, answer: Answer) -> None:
    """Have an answer judged by its device, within the budget if it could be a guess. Raises as :func:`judge` does."""
    device, factor = answer.device, registry.factor_in_use(answer.device)
    judge_it = partial(factor.judge, device, answer.text)
    if factor.is_sequence(device, answer.text):
        if not factor.accepts(device, answer.text):
            throttling.ration(answer.budget)
        judge_it()
    elif factor.is_guess(answer.text):
        # A device that makes its owner wait does not judge, and then there is nothing to be known before.
        is_right = factor.accepts(device, answer.text) and bool(device.verify_is_allowed()[0])
        guess_probability = sum(registry.factor_in_use(other).guess_probability(other) for other in answer.compared)
        judge(user, request, answer.budget, Guess(judge_it, is_right, limits.weight(guess_probability)))
    else:
        judge_it()


class Guess(NamedTuple):
    """An answer that could be hit by chance."""

    judge: Callable[[], None]
    """Accepts the answer, or raises what it is instead."""
    is_right: bool = False
    """Whether it is known to be right before it is judged."""
    weight: int = 1
    """How many guesses at an app it is worth."""

    def __repr__(self) -> str:
        """Return the name alone: error reports show this, and what judges knows the code."""
        return f"<{type(self).__name__}>"


@sensitive_variables("guess")
def judge(user: AbstractBaseUser, request: HttpRequest | None, budget: Budget, guess: Guess) -> None:
    """Judge a guess, if there is room for a failure, and count it if it is one.

    Raises:
        Locked: the long budget is empty.
        Throttled: there is no room for now.
        Refused: the answer proves nothing; the exception says why.
        LoginEnded: the user is gone.
    """
    if guess.is_right:
        _judge_right(user, request, budget, guess)
    else:
        _judge_any(user, request, budget, guess)


@sensitive_variables("guess")
def _judge_any(user: AbstractBaseUser, request: HttpRequest | None, budget: Budget, guess: Guess) -> None:
    """Take a try, judge, and give it back if it was none."""
    budget = stored.write(budget, lambda found: _spent(found, guess.weight))
    failure = budget.failures[-1] if budget.failures else None
    try:
        guess.judge()
    except Refused as refusal:
        if refusal.judged:
            _announce_lock(user, budget, guess.weight)
        else:
            stored.write(budget, lambda found: found.given_back(failure))
        raise
    entry = device_cookie.NewCookie.of(request) if budget.is_known else None
    if stored.write(budget, lambda found: {**found.given_back(failure), **_renewed(found, entry)}).is_known:
        _note(request, budget, entry)


@sensitive_variables("guess")
def _judge_right(user: AbstractBaseUser, request: HttpRequest | None, budget: Budget, guess: Guess) -> None:
    """Take a try and give it back in one statement, which makes the browser a known one, then judge."""
    entry = device_cookie.NewCookie.of(request)
    entered = _enter(budget, entry, guess.weight)
    if entered.is_known:
        # Its row has the new value already, whatever comes of the answer.
        _note(request, budget, entry)
    try:
        guess.judge()
    except Refused as refusal:
        # Somebody else was faster with the same code, or its time was over just then.
        if entry is not None and not entered.is_known:
            Browser.objects.filter(user_id=budget.user_id, digest=entry.digest).delete()
        if refusal.judged:
            _announce_lock(user, stored.write(entered, lambda found: _spent(found, guess.weight)), guess.weight)
        raise
    if not entered.is_known:
        _note(request, budget, entry)


def _enter(budget: Budget, entry: device_cookie.NewCookie | None, weight: int) -> Budget:
    """Check that there is room for a guess that is right, have its turn among the others, and make the browser a known one.

    Returns:
        The budget that it had its turn in, as it then is.
    """
    _ensure(budget.refusal(weight))
    if entry is not None and not budget.is_known and stored.insert_browser(budget, entry):
        return budget
    written = stored.write(budget, lambda found: _passed(found, weight, entry))
    if entry is not None and not written.is_known:
        Browser.objects.create(user_id=budget.user_id, **entry.columns)
    return written


def _spent(budget: Budget, weight: int) -> dict[str, Any]:
    _ensure(budget.refusal(weight))
    return budget.failed(weight)


def _passed(budget: Budget, weight: int, entry: device_cookie.NewCookie | None) -> dict[str, Any]:
    _ensure(budget.refusal(weight))
    return _renewed(budget, entry)


def _ensure(refusal: NotYet | None) -> None:
    if refusal is not None:
        raise refusal


def _renewed(budget: Budget, entry: device_cookie.NewCookie | None) -> dict[str, Any]:
    """Return what a success writes to the row of a known browser, and nothing for all others together."""
    return {"in_a_row": 0, **(entry.columns if entry else {})} if budget.is_known else {}


def _announce_lock(user: AbstractBaseUser, budget: Budget, weight: int) -> None:
    """Announce that the failure that was just counted has locked the budget."""
    refusal = budget.refusal(weight)
    if isinstance(refusal, Locked):
        events.announce("locked", user, scope=budget.scope, until=refusal.until or "")


# After a verification


def _note(request: HttpRequest | None, budget: Budget, entry: device_cookie.NewCookie | None) -> None:
    """Hand out the cookie by which the browser is known from now on."""
    if request is not None and entry is not None:
        entry.hand_out(request, budget.user_id, budget.digest)


def note_verified(request: HttpRequest, user: AbstractBaseUser, device: Device) -> None:
    """Know this browser again, now that the user has verified in it, and open its budget if that was locked.

    After a guess nothing is left to do. Whatever else was accepted cannot be guessed, and opens a lock.
    """
    if device_cookie.was_noted(request, user):
        return
    budget = request_state(request).budget
    if budget is None or budget.user_id != user.pk:
        budget = stored.budget_of(user, request)
    entry, old, is_locked = device_cookie.NewCookie.made(request), budget.digest, budget.is_locked
    if is_locked or budget.is_known:
        opened = EMPTIED if is_locked else {}
        budget = stored.write(budget, lambda found: {**opened, **_renewed(found, entry)})
    if budget.digest != entry.digest:
        Browser.objects.create(user_id=user.pk, **entry.columns)
    entry.hand_out(request, user.pk, old)
    if is_locked:
        throttling.reset(user)
        factor = registry.factor_of(device)
        events.announce("unlocked", user, request=request, device=device, how=factor.id if factor else "")


EMPTIED = {"failures": "", "proofs": "", "in_a_row": 0}
"""The columns of a budget in which nothing is counted."""


def unlock(user: AbstractBaseUser, how: str, reason: str = "", **who: Any) -> bool:
    """Open whatever is locked for this user, and forget what was counted. Announce and return whether anything was.

    Args:
        user: whose codes are judged again.
        how: who opens it: "command", "admin".
        reason: why.
        who: ``request`` and ``actor``, as :func:`~allauth_2fa.audit.events.announce` takes them.
    """
    counted = Browser.all_rows.filter(user_id=user.pk).exclude(**EMPTIED)
    with transaction.atomic():
        budgets = counted.update(version=F("version") + 1, **EMPTIED)
        was_counted = bool(budgets + throttling.reset(user))
        if was_counted:
            events.announce("unlocked", user, how=how, reason=reason, **who)
    return was_counted


def locked(user: AbstractBaseUser) -> list[Budget]:
    """Return the budgets of the user that are locked (one query)."""
    budgets = [Budget.of(user.pk, row) for row in Browser.all_rows.filter(user_id=user.pk).values(*stored.COLUMNS)]
    return [budget for budget in budgets if budget.is_locked]
