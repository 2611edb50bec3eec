"""The rows of the budgets: read along with the devices, and written by one statement, or under the row's lock.

However many answers come at once, by however many devices, logins and processes, none of them counts upon what another
has changed meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, router, transaction
from django.db.models import F, Subquery
from django.db.models.functions import JSONObject

from allauth_2fa import statements
from allauth_2fa.browsers import device_cookie
from allauth_2fa.exceptions import LoginEnded, NotYet
from allauth_2fa.models import Browser
from allauth_2fa.statements import Fact, Given, Statement

from .budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import QuerySet
    from django.http import HttpRequest

COLUMNS = ("pk", "digest", "name", "version", "in_a_row", "failures", "proofs")
"""What a budget is made of."""

ROUNDS = 3
"""How often a write is tried that somebody else may be faster with, before the row is locked for it."""


# Which budget it is


def annotation(user: AbstractBaseUser, request: HttpRequest | None) -> dict[str, Fact]:
    """Return what reads the budget along with the devices: ``device.budget``."""
    digests = Given(Browser, "digest", _digests(request), slots=device_cookie.MOST_VALUES + 1)
    return {"budget": Fact(_row, {"user": Given(Browser, "user", user.pk), "digests": digests})}


def _digests(request: HttpRequest | None) -> list[str]:
    """Return which digests the row may have that is this browser's budget. The one of all other browsers has an empty one."""
    return [*map(device_cookie.digest, device_cookie.presented(request) if request else ()), Browser.OTHERS]


def _row(user: Any, digests: Sequence[Any]) -> Subquery:
    return Subquery(_rows(user, digests).values(row=JSONObject(**{name: name for name in COLUMNS}))[:1])


def _rows(user_id: Any, digests: Sequence[Any]) -> QuerySet[Browser]:
    """Return the rows that may be the budget, the one that is first. The one of all other browsers comes last."""
    return Browser.all_rows.filter(user_id=user_id, digest__in=digests).order_by("-digest")


def budget_of(user: AbstractBaseUser, request: HttpRequest | None, devices: Sequence[Any] = ()) -> Budget:
    """Return the budget that answers in this browser are taken from (no query, if it was read along with the devices)."""
    return budget_for(user.pk, request, devices)


def budget_for(user_id: Any, request: HttpRequest | None, devices: Sequence[Any] = ()) -> Budget:
    """Return what :func:`budget_of` does, where the user's key alone is at hand."""
    if devices and hasattr(devices[0], "budget"):
        return Budget.of(user_id, devices[0].budget)
    return Budget.of(user_id, _rows(user_id, _digests(request)).values(*COLUMNS).first())


# Writing


def write(budget: Budget, decide: Callable[[Budget], dict[str, Any]]) -> Budget:
    """Write to the budget what is decided upon what is in it, and return it as it then is.

    Args:
        budget: as it was read; it may be out of date.
        decide: returns the columns to write, or raises. It is asked again when the budget has changed.

    Raises:
        LoginEnded: the user is gone.
    """
    for _round in range(ROUNDS):
        changes = {**decide(budget), "version": budget.version + 1}
        written = _made(budget, changes) if budget.pk is None else _changed(budget, changes)
        if written is not None:
            return written
        # Most of those who come too late learn so by reading: nobody has to wait for them.
        budget = _read_again(budget)
    return _write_alone(budget, decide)


def _changed(budget: Budget, changes: dict[str, Any]) -> Budget | None:
    """Write if the row is as it was read, None if it is not."""
    unchanged = {"id": budget.pk, "digest": budget.digest, "version": budget.version}
    return budget.changed(changes) if statements.update(Browser, unchanged, changes) else None


def _read_again(budget: Budget) -> Budget:
    """Return what is in the budget now. A browser that was revoked meanwhile, or has a new value, is an unknown one."""
    rows = Browser.all_rows.filter(user_id=budget.user_id, digest__in={budget.digest, Browser.OTHERS}).order_by("-digest")
    return Budget.of(budget.user_id, rows.values(*COLUMNS).first())


def _made(budget: Budget, changes: dict[str, Any]) -> Budget | None:
    """Make the row of all unknown browsers, None if somebody else has made it just now, or the user is gone."""
    try:
        with transaction.atomic():
            row = Browser.all_rows.create(user_id=budget.user_id, digest=Browser.OTHERS, **changes)
    except IntegrityError:
        return None
    return budget.changed({**changes, "pk": row.pk})


def _write_alone(budget: Budget, decide: Callable[[Budget], dict[str, Any]]) -> Budget:
    """Decide while nobody else can write."""
    with transaction.atomic():
        found = _hold(budget)
        written, refusal = _decided(found, decide) if found else (None, None)
    # Outside of the transaction, as every refusal.
    if refusal is not None:
        raise refusal
    if written is None:
        untouched = Budget(budget.user_id)
        written = _made(untouched, decide(untouched))
    if written is None:
        raise LoginEnded
    return written


def _decided(found: Budget, decide: Callable[[Budget], dict[str, Any]]) -> tuple[Budget | None, NotYet | None]:
    try:
        changes = decide(found)
    except NotYet as refusal:
        return None, refusal
    if changes:
        Browser.all_rows.filter(pk=found.pk).update(**changes)
    return found.changed(changes), None


def _hold(budget: Budget) -> Budget | None:
    """Lock the row until the end of the transaction, by a write, and return what is in it."""
    for digest in dict.fromkeys((budget.digest, Browser.OTHERS)):
        mine = Browser.all_rows.filter(user_id=budget.user_id, digest=digest)
        if mine.update(version=F("version") + 1):
            return Budget.of(budget.user_id, mine.values(*COLUMNS).get())
    return None


# A new browser


def insert_browser(budget: Budget, entry: device_cookie.NewCookie) -> bool:
    """Insert the row of a new browser if the budget of the unknown ones is as it was read, in one statement."""
    row = Browser(user_id=budget.user_id, **entry.columns)
    if budget.pk is not None:
        return _insert_if_unchanged(row, budget)
    try:
        with transaction.atomic():
            Browser.all_rows.bulk_create([Browser(user_id=budget.user_id, digest=Browser.OTHERS), row])
    except IntegrityError:
        return False
    return True


def _insert_if_unchanged(row: Browser, budget: Budget) -> bool:
    """``INSERT ... SELECT ... FOR UPDATE``: whoever writes to the budget at the same moment comes before it, or after it.

    Django's ORM has no such statement.
    """
    new = {f"new_{field.attname}": Given(Browser, field.name, getattr(row, field.attname)) for field in _inserted()}
    with transaction.atomic(using=router.db_for_write(Browser)):
        return bool(_INSERT.write(pk=Given(Browser, "id", budget.pk), version=Given(Browser, "version", budget.version), **new))


def _inserted() -> list[Any]:
    return [field for field in Browser._meta.concrete_fields if not field.primary_key and not field.generated]


def _unchanged(pk: Any, version: Any, **new: Any) -> QuerySet[Any]:
    return Browser.all_rows.filter(pk=pk, version=version).select_for_update().annotate(**new).values_list(*new)


def _insert_into(connection: BaseDatabaseWrapper) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in _inserted())
    return f"INSERT INTO {quote(Browser._meta.db_table)} ({columns}) "


_INSERT = Statement(Browser, _unchanged, before=_insert_into)
