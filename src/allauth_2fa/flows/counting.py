"""The rows of the purses: read along with the devices, and written by one statement, or under the row's lock.

However many answers come at once, by however many devices, logins and processes, none of them counts upon what another
has changed meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connections, router, transaction
from django.db.models import F, Subquery, Value
from django.db.models.functions import JSONObject

from allauth_2fa.exceptions import LoginEnded, NotYet
from allauth_2fa.models import Browser

from . import browsers
from .purse import Purse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.http import HttpRequest

COLUMNS = ("pk", "digest", "name", "version", "in_a_row", "failures", "proofs")
"""What a purse is made of."""

ROUNDS = 3
"""How often a write is tried that somebody else may be faster with, before the row is locked for it."""


# Which purse it is


def annotation(user: AbstractBaseUser, request: HttpRequest | None) -> dict[str, Subquery]:
    """Return the annotation that reads the purse along with the devices: ``device.purse``."""
    return {"purse": Subquery(_rows(user.pk, request).values(row=JSONObject(**{name: name for name in COLUMNS}))[:1])}


def _rows(user_id: Any, request: HttpRequest | None) -> QuerySet[Browser]:
    """Return the rows that may be this browser's purse, the one that is first."""
    digests = [browsers.digest(value) for value in browsers.presented(request)] if request else []
    # The one of all other browsers has an empty digest, and comes last.
    return Browser.purses.filter(user_id=user_id, digest__in=[*digests, Browser.OTHERS]).order_by("-digest")


def purse_of(user: AbstractBaseUser, request: HttpRequest | None, devices: Sequence[Any] = ()) -> Purse:
    """Return the purse that answers in this browser are taken from (no query, if it was read along with the devices)."""
    return purse_for(user.pk, request, devices)


def purse_for(user_id: Any, request: HttpRequest | None, devices: Sequence[Any] = ()) -> Purse:
    """Return what :func:`purse_of` does, where the user's key alone is at hand."""
    if devices and hasattr(devices[0], "purse"):
        return Purse.of(user_id, devices[0].purse)
    return Purse.of(user_id, _rows(user_id, request).values(*COLUMNS).first())


# Writing


def write(purse: Purse, decide: Callable[[Purse], dict[str, Any]]) -> Purse:
    """Write to the purse what is decided upon what is in it, and return it as it then is.

    Args:
        purse: as it was read; it may be out of date.
        decide: returns the columns to write, or raises. It is asked anew when the purse has changed.

    Raises:
        LoginEnded: the user is gone.
    """
    for _round in range(ROUNDS):
        changes = {**decide(purse), "version": purse.version + 1}
        written = _made(purse, changes) if purse.pk is None else _changed(purse, changes)
        if written is not None:
            return written
        # Most of those who come too late learn so by reading: nobody has to wait for them.
        purse = _read_again(purse)
    return _write_alone(purse, decide)


def _changed(purse: Purse, changes: dict[str, Any]) -> Purse | None:
    """Write if the row is as it was read, None if it is not."""
    unchanged = Browser.purses.filter(pk=purse.pk, digest=purse.digest, version=purse.version)
    return purse.changed(changes) if unchanged.update(**changes) else None


def _read_again(purse: Purse) -> Purse:
    """Return what is in the purse now. A browser that was revoked meanwhile, or has a new value, is an unknown one."""
    rows = Browser.purses.filter(user_id=purse.user_id, digest__in={purse.digest, Browser.OTHERS}).order_by("-digest")
    return Purse.of(purse.user_id, rows.values(*COLUMNS).first())


def _made(purse: Purse, changes: dict[str, Any]) -> Purse | None:
    """Make the row of all unknown browsers, None if somebody else has made it just now, or the user is gone."""
    try:
        with transaction.atomic():
            row = Browser.purses.create(user_id=purse.user_id, digest=Browser.OTHERS, **changes)
    except IntegrityError:
        return None
    return purse.changed({**changes, "pk": row.pk})


def _write_alone(purse: Purse, decide: Callable[[Purse], dict[str, Any]]) -> Purse:
    """Decide while nobody else can write."""
    with transaction.atomic():
        found = _hold(purse)
        written, refusal = _decided(found, decide) if found else (None, None)
    # Outside of the transaction, as every refusal.
    if refusal is not None:
        raise refusal
    if written is None:
        untouched = Purse(purse.user_id)
        written = _made(untouched, decide(untouched))
    if written is None:
        raise LoginEnded
    return written


def _decided(found: Purse, decide: Callable[[Purse], dict[str, Any]]) -> tuple[Purse | None, NotYet | None]:
    try:
        changes = decide(found)
    except NotYet as refusal:
        return None, refusal
    if changes:
        Browser.purses.filter(pk=found.pk).update(**changes)
    return found.changed(changes), None


def _hold(purse: Purse) -> Purse | None:
    """Lock the row until the end of the transaction, by a write, and return what is in it."""
    for digest in dict.fromkeys((purse.digest, Browser.OTHERS)):
        mine = Browser.purses.filter(user_id=purse.user_id, digest=digest)
        if mine.update(version=F("version") + 1):
            return Purse.of(purse.user_id, mine.values(*COLUMNS).get())
    return None


# A new browser


def entered(purse: Purse, entry: browsers.Entry) -> bool:
    """Insert the row of a new browser if the purse of the unknown ones is as it was read, in one statement."""
    row = Browser(user_id=purse.user_id, **entry.columns)
    if purse.pk is not None:
        return _insert_if_unchanged(row, purse)
    try:
        with transaction.atomic():
            Browser.purses.bulk_create([Browser(user_id=purse.user_id, digest=Browser.OTHERS), row])
    except IntegrityError:
        return False
    return True


def _insert_if_unchanged(row: Browser, purse: Purse) -> bool:
    """``INSERT ... SELECT ... FOR UPDATE``: whoever writes to the purse at the same moment comes before it, or after it.

    Django's ORM has no such statement.
    """
    fields = [field for field in Browser._meta.concrete_fields if not field.primary_key]  # noqa: SLF001 - Django documents it
    values = {f"new_{field.attname}": Value(getattr(row, field.attname), output_field=_kind(field)) for field in fields}
    using = router.db_for_write(Browser)
    unchanged = Browser.purses.using(using).filter(pk=purse.pk, version=purse.version).select_for_update()
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        sql, params = unchanged.annotate(**values).values_list(*values).query.get_compiler(using=using).as_sql()
        quote = connections[using].ops.quote_name
        columns = ", ".join(quote(f"{field.column}") for field in fields)
        cursor.execute(f"INSERT INTO {quote(Browser._meta.db_table)} ({columns}) {sql}", params)  # noqa: SLF001 - documented
        return bool(cursor.rowcount)


def _kind(field: Any) -> Any:
    """Return the field that says how values are written, which for a foreign key is the key that it refers to."""
    return field.target_field if field.is_relation else field
