"""Statements that Django builds once a process, and that are run again with other values.

To build a statement takes Django many times what it takes to run it, and a login needs the same ones each time. The ORM
builds them: nothing here knows SQL. What belongs to one login (its user, the digests of its cookie, what time it is) is
given as :class:`Given`, and never becomes a part of what is kept.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.core.signals import setting_changed
from django.db import connections, router, transaction
from django.db.models import Expression, Field, Manager, Model, QuerySet
from django.db.models.sql import UpdateQuery
from django.dispatch import receiver
from django.views.decorators.debug import sensitive_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


class Given(NamedTuple):
    """A value that belongs to one run of a statement, and the column that says how it is written."""

    model: type[Model]
    column: str
    value: Any
    slots: int = 0
    """Of a list: how many values there are at the most, and at least one. The last one fills the other places."""

    def __repr__(self) -> str:
        """Return the name alone: error reports show this, and the value may be a code."""
        return f"<{type(self).__name__}>"

    def params(self, name: str) -> Any:
        """Return what stands for the value in the statement that is kept."""
        output_field = field_of(self.model, self.column)
        return [Param(name, output_field, at) for at in range(self.slots)] if self.slots else Param(name, output_field)


def field_of(model: type[Model], name: str) -> Any:
    """Return the field that says how values are written, which for a foreign key is the key that it refers to."""
    found: Any = model._meta.get_field(name)
    return found.target_field if found.is_relation else found


class Param(Expression):
    """Stands for a value that is given each time the statement is run."""

    def __init__(self, name: str, output_field: Field[Any, Any], at: int | None = None) -> None:
        super().__init__(output_field)
        self.name, self.at = name, at

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Return the place of the value, with this very object in it."""
        return "%s", [self]

    @sensitive_variables("values", "value")
    def written(self, values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> Any:
        """Return the value as the database takes it."""
        value = values[self.name]
        if self.at is not None:
            value = value[min(self.at, len(value) - 1)]
        return self.output_field.get_db_prep_value(value, connection=connection, prepared=False)


class _Built(NamedTuple):
    """A statement as Django has built it for a database, and how what it returns is read."""

    sql: str
    params: tuple[Any, ...]
    width: int = 0
    """How many columns are read."""
    converters: tuple[tuple[int, tuple[Any, ...], Any], ...] = ()
    """The place of a column, the functions that read it, and the expression that they are told."""
    model: type[Model] | None = None
    names: tuple[str, ...] = ()
    """The model's columns, which come first."""
    annotations: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, compiler: Any, before: str = "") -> _Built:
        sql, params = compiler.as_sql()
        shown = [entry[0] for entry in getattr(compiler, "select", None) or ()]
        # ``values_list`` leaves the model's own columns out, and then tuples are wanted.
        info = getattr(compiler, "klass_info", None) if compiler.query.default_cols else None
        return cls(
            sql=f"{before}{sql}",
            params=tuple(params),
            width=len(shown),
            converters=tuple(_converters(compiler, shown)),
            model=info["model"] if info else None,
            names=tuple(shown[at].target.attname for at in info["select_fields"]) if info else (),
            annotations=tuple(compiler.annotation_col_map.items()) if info else (),
        )

    @sensitive_variables("values", "params", "read")
    def run(self, connection: BaseDatabaseWrapper, values: Mapping[str, Any], read: Callable[[Any], Any]) -> Any:
        params = [param.written(values, connection) if isinstance(param, Param) else param for param in self.params]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            return read(cursor)

    def rows(self, connection: BaseDatabaseWrapper, values: Mapping[str, Any]) -> list[Any]:
        found = self.run(connection, values, lambda cursor: cursor.fetchall())
        rows = [self._converted(connection, row) for row in found]
        return [self._object(connection, row) for row in rows] if self.model else rows

    def _converted(self, connection: BaseDatabaseWrapper, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row[: self.width])
        for at, converters, expression in self.converters:
            for converter in converters:
                # Those of the database are looked up where they are used: another thread has another connection.
                convert = getattr(connection.ops, converter) if isinstance(converter, str) else converter
                values[at] = convert(values[at], expression, connection)
        return tuple(values)

    def _object(self, connection: BaseDatabaseWrapper, row: Sequence[Any]) -> Model:
        found = cast("type[Model]", self.model).from_db(connection.alias, self.names, row[: len(self.names)])
        for name, at in self.annotations:
            setattr(found, name, row[at])
        return found


def _converters(compiler: Any, shown: Sequence[Any]) -> Iterator[tuple[int, tuple[Any, ...], Any]]:
    ops = compiler.connection.ops
    for at, (converters, expression) in compiler.get_converters(shown).items():
        yield at, tuple(entry.__name__ if getattr(entry, "__self__", None) is ops else entry for entry in converters), expression


_built: dict[tuple[Hashable, str], _Built] = {}


@receiver(setting_changed)
def _forget(**_facts: Any) -> None:
    """Build all again where a test changes what they may hang on."""
    _built.clear()


def _once(key: Hashable, using: str, build: Callable[[], _Built]) -> _Built:
    found = _built.get((key, using))
    if found is None:
        # Two threads that come at once build the same.
        found = _built[key, using] = build()
    return found


class Statement:
    """A query that is the same each time, but for what is given.

    Args:
        model: by which the router chooses the database.
        build: returns the query, by the names of what is given. Of a query that is not the same each time, a site's
            own manager for example, Django builds it each time.
        is_lasting: whether it is the same each time.
        before: what the SQL begins with, by the connection: an INSERT that takes its row from the query.
    """

    def __init__(
        self,
        model: type[Model],
        build: Callable[..., QuerySet[Any]],
        *,
        is_lasting: bool = True,
        before: Callable[[BaseDatabaseWrapper], str] = lambda _connection: "",
    ) -> None:
        self.model, self.build, self.is_lasting, self.before = model, build, is_lasting, before

    def rows(self, **given: Given) -> list[Any]:
        """Return what is found: objects with their annotations, or the tuples of ``values_list``."""
        values = {name: one.value for name, one in given.items()}
        if not self.is_lasting:
            return list(self.build(**values))
        connection = connections[router.db_for_read(self.model)]
        return self._on(connection, given).rows(connection, values)

    def write(self, **given: Given) -> int:
        """Run it for what it writes, and return how many rows that were."""
        connection = connections[router.db_for_write(self.model)]
        values = {name: one.value for name, one in given.items()}
        return _written(self._on(connection, given), connection, values)

    def _on(self, connection: BaseDatabaseWrapper, given: Mapping[str, Given]) -> _Built:
        def build() -> _Built:
            query = self.build(**{name: one.params(name) for name, one in given.items()}).query
            return _Built.of(query.get_compiler(using=connection.alias), self.before(connection))

        return _once(self, connection.alias, build)


@sensitive_variables("where", "changes", "values")
def update(model: type[Model], where: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    """Write to the rows of the model that are like that, and return how many they were.

    Args:
        model: whose table it is.
        where: conditions as ``filter`` takes them. None of them is None.
        changes: columns and values.
    """
    connection = connections[router.db_for_write(model)]

    def build() -> _Built:
        rows = model._base_manager.filter(**{name: _param(model, "where", name) for name in where})
        query = cast("UpdateQuery", rows.query.chain(UpdateQuery))
        query.add_update_values({name: _param(model, "set", name) for name in changes})
        return _Built.of(query.get_compiler(using=connection.alias))

    built = _once((model, *where, "set", *changes), connection.alias, build)
    values = {**{f"where {name}": value for name, value in where.items()}, **{f"set {name}": value for name, value in changes.items()}}
    return _written(built, connection, values)


def _param(model: type[Model], part: str, name: str) -> Param:
    return Param(f"{part} {name}", field_of(model, name.partition("__")[0]))


def _written(built: _Built, connection: BaseDatabaseWrapper, values: Mapping[str, Any]) -> int:
    with transaction.mark_for_rollback_on_error(using=connection.alias):
        return cast("int", built.run(connection, values, lambda cursor: cursor.rowcount))


# What is read along with other things


class Fact(NamedTuple):
    """Something that is read along with devices, in their query."""

    build: Callable[..., Any]
    """Returns the expression, by the names of what is given. It is the same function each time."""
    given: Mapping[str, Given] = MappingProxyType({})

    @property
    def key(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        """What tells it from others, whatever is given."""
        return self.build, tuple(self.given)

    @property
    def expression(self) -> Any:
        """The expression for one ordinary query."""
        return self.build(**{name: one.value for name, one in self.given.items()})


_lasting: set[Any] = set()


def lasting(build: Any) -> Any:
    """Mark a method whose query is the same each time, but for the key of the user whom it is called with."""
    _lasting.add(build)
    return build


def is_lasting(build: Any) -> bool:
    """Return whether the method is marked. One that overrides it is not, unless it is marked itself."""
    return build in _lasting


def is_plain(model: type[Any]) -> bool:
    """Return whether the manager of the model finds the same rows each time: one of a site's own may ask who is asking."""
    manager = model.objects
    found = type(manager.all())
    return (type(manager).get_queryset, type(manager).filter, found.filter) == (Manager.get_queryset, Manager.filter, QuerySet.filter)
