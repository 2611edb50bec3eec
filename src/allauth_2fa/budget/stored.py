"""The rows of the budgets: read along with the devices, and written by one statement, or under the row's lock.

However many answers come at once, by however many devices, logins and processes, none of them counts upon what another
has changed meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connections, router, transaction
from django.db.models import F, Subquery, Value
from django.db.models.functions import JSONObject

from allauth_2fa.browsers import device_cookie
from allauth_2fa.exceptions import LoginEnded, NotYet
from allauth_2fa.models import Browser

from .budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.http import HttpRequest

COLUMNS = ("pk", "digest", "name", "version", "in_a_row", "failures", "proofs")
"""What a budget is made of."""

ROUNDS = 3
"""How often a write is tried that somebody else may be faster with, before the row is locked for it."""


# Which budget it is


def annotation(user: AbstractBaseUser, request: HttpRequest | None) -> dict[str, Subquery]:
    """Return the annotation that reads the budget along with the devices: ``device.budget``."""
    return {"budget": Subquery(_rows(user.pk, request).values(row=JSONObject(**{name: name for name in COLUMNS}))[:1])}


def _rows(user_id: Any, request: HttpRequest | None) -> QuerySet[Browser]:
    """Return the rows that may be this browser's budget, the one that is first."""
    digests = [device_cookie.digest(value) for value in device_cookie.presented(request)] if request else []
    # The one of all other browsers has an empty digest, and comes last.
    return Browser.all_rows.filter(user_id=user_id, digest__in=[*digests, Browser.OTHERS]).order_by("-digest")


def budget_of(user: AbstractBaseUser, request: HttpRequest | None, devices: Sequence[Any] = ()) -> Budget:
    """Return the budget that answers in this browser are taken from (no query, if it was read along with the devices)."""
    return purse_for(user.pk, request, devices)


def purse_for(user_id: Any, request: HttpRequest | None, devices: Sequence[Any] = ()) -> Budget:
    """Return what :func:`purse_of` does, where the user's key alone is at hand."""
    if devices and hasattr(devices[0], "budget"):
        return Budget.of(user_id, devices[0].budget)
    return Budget.of(user_id, _rows(user_id, request).values(*COLUMNS).first())


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
    unchanged = Browser.all_rows.filter(pk=budget.pk, digest=budget.digest, version=budget.version)
    return budget.changed(changes) if unchanged.update(**changes) else None


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
    fields = [field for field in Browser._meta.concrete_fields if not field.primary_key and not field.generated]  # noqa: SLF001 - Django documents it
    values = {f"new_{field.attname}": Value(getattr(row, field.attname), output_field=_kind(field)) for field in fields}
    using = router.db_for_write(Browser)
    unchanged = Browser.all_rows.using(using).filter(pk=budget.pk, version=budget.version).select_for_update()
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        sql, params = unchanged.annotate(**values).values_list(*values).query.get_compiler(using=using).as_sql()
        quote = connections[using].ops.quote_name
        columns = ", ".join(quote(f"{field.column}") for field in fields)
        cursor.execute(f"INSERT INTO {quote(Browser._meta.db_table)} ({columns}) {sql}", params)  # noqa: SLF001 - documented
        return bool(cursor.rowcount)


def _kind(field: Any) -> Any:
    """Return the field that says how values are written, which for a foreign key is the key that it refers to."""
    return field.target_field if field.is_relation else field
