"""Finds the devices of a user, of the factors that are on."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.signals import setting_changed
from django.db.models import AutoField, Value
from django.dispatch import receiver
from django_otp.models import Device

from allauth_2fa import statements
from allauth_2fa.models import Browser, DeviceOptions
from allauth_2fa.statements import Fact, Given, Statement

from . import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet

    from .base import Factor

NEVER = datetime.min.replace(tzinfo=UTC)
"""The time of use of a device that has never been used, for sorting."""

LONGEST_PK = 64
"""Length of the longest primary key that is looked up, in characters."""

KEY = re.compile(r"[1-9][0-9]{0,17}")
"""Keys that every database takes for one of a row, which 0 is not on MySQL."""


def _confirmed(factor: Factor, user_id: object) -> QuerySet[Device]:
    """Return the user's confirmed devices without an order: a model may define one, and SQLite accepts none in a UNION."""
    return factor.model.objects.filter(user_id=user_id, confirmed=True).order_by()


def confirmed(user_id: object, those: Sequence[Factor]) -> list[tuple[str, QuerySet[Device]]]:
    """Return one unordered query for the user's confirmed devices of each factor, with the label of its model."""
    return [(factor.model.model_label(), _confirmed(factor, user_id)) for factor in those]


def has_primary(user: AbstractBaseUser) -> bool:
    """Return whether the user has a device of a primary factor (one query)."""
    return bool(_held_by(registry.primaries()).rows(user=owner(user.pk)))


def count_primary(user_id: object) -> int:
    """Return the number of the user's devices of primary factors (one query)."""
    return count(user_id, registry.primaries())


def count(user_id: object, wanted: Sequence[Factor]) -> int:
    """Return the number of the user's devices of these factors (one query)."""
    if not wanted:
        return 0
    # Primary keys of different models may be of different types, which PostgreSQL takes into no UNION.
    first, *others = [_confirmed(factor, user_id).values_list("user_id") for factor in wanted]
    return first.union(*others, all=True).count() if others else first.count()


def held(user: AbstractBaseUser) -> tuple[Factor, ...]:
    """Return the factors that the user has a confirmed device of, in the order in which they are offered (one query)."""
    return held_of(user, registry.factors())


def held_of(user: AbstractBaseUser, those: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """Return those of these factors that the user has a confirmed device of (one query)."""
    found = {at for (at,) in _held_by(those).rows(user=owner(user.pk))}
    return tuple(factor for at, factor in enumerate(those) if at in found)


def owner(user_id: object) -> Given:
    """Return the parameter of a statement for the user with this primary key."""
    return Given(Browser, "user", user_id)


@cache
def _held_by(those: tuple[Factor, ...]) -> Statement:
    """Return the statement that yields the positions of those factors that a user has a confirmed device of."""

    def build(user: Any) -> QuerySet[Any]:
        first, *others = [_confirmed(factor, user).values_list(Value(at)) for at, factor in enumerate(those)]
        return first.union(*others) if others else first[:1]

    return Statement(those[0].model, build, is_lasting=are_plain(those))


def are_plain(those: Sequence[Factor]) -> bool:
    """Return whether the devices of these factors are found by the same query each time."""
    return all(statements.is_plain(factor.model) for factor in those)


def described(those: Sequence[Factor]) -> dict[str, list[str]]:
    """Return these factors as allauth's headless API tells of them, if one of them is primary.

    ``types`` are those that it knows, and ``factors`` our ids.
    """
    known = those if any(factor.primary for factor in those) else ()
    return {"types": list(dict.fromkeys(factor.api_type for factor in known)), "factors": [factor.id for factor in known]}


def to_look_at(user: AbstractBaseUser) -> tuple[Factor, ...]:
    """Return the factors that a login can wait for and the user may hold (one query, none if there is no more than one).

    Where a factor of the project's own finds devices in its own way, it alone knows.
    """
    those = registry.primaries()
    if len(those) == 1:
        return those
    found = held_of(user, those)
    return tuple(factor for factor in those if factor in found or not _finds_as_usual(factor))


def _finds_as_usual(factor: Factor) -> bool:
    return statements.is_lasting(type(factor).devices)


def primary_devices(user: AbstractBaseUser, those: Sequence[Factor] | None = None, **facts: Fact) -> list[Any]:
    """Return the user's devices of primary factors (one query, and one more for each factor that the user has).

    The device that the user prefers comes first (``device.is_preferred``), then the most recently used ones.

    Args:
        user: the owner of the devices.
        those: the result of :func:`to_look_at` for this user, if the caller has it already.
        facts: what to read together with each device, by the name of the attribute.
    """
    wanted = to_look_at(user) if those is None else those
    devices = [device for factor in wanted for device in _devices(factor, user, facts)]
    return sorted(devices, key=lambda device: (device.is_preferred, getattr(device, "last_used_at", None) or NEVER), reverse=True)


def _devices(factor: Factor, user: AbstractBaseUser, facts: dict[str, Fact]) -> list[Any]:
    if not _finds_as_usual(factor):
        return list(factor.devices(user).annotate(**_preference(factor), **{name: fact.expression for name, fact in facts.items()}))
    statement = _devices_of(factor, tuple((name, *fact.key) for name, fact in facts.items()))
    given = {name: value for fact in facts.values() for name, value in fact.given.items()}
    return statement.rows(**{"user": owner(user.pk), **given})


@cache
def _devices_of(factor: Factor, facts: tuple[tuple[str, Callable[..., Any], tuple[str, ...]], ...]) -> Statement:
    """Return the statement that finds a user's devices of this factor together with these facts."""

    def build(user: Any, **given: Any) -> QuerySet[Device]:
        given["user"] = user
        found = {name: expression(**{part: given[part] for part in parts}) for name, expression, parts in facts}
        of_user: Any = SimpleNamespace(pk=user)
        return factor.devices(of_user).annotate(**_preference(factor), **found)

    return Statement(factor.model, build, is_lasting=statements.is_plain(factor.model))


def _preference(factor: Factor) -> dict[str, Any]:
    return {"is_preferred": DeviceOptions.says(factor.model, preferred=True)}


def load(persistent_id: str | None, user: AbstractBaseUser) -> Device | None:
    """Return the user's confirmed device with that django-otp id; None if the user has no such device.

    Only the tables of the factors are searched, and the owner is part of the query.
    """
    label, _slash, pk = (persistent_id or "").rpartition("/")
    factor = next((factor for factor in registry.factors() if factor.model.model_label() == label), None)
    key = _key(factor.model, pk) if factor else None
    return None if factor is None or key is None else factor.model.objects.filter(pk=key, user_id=user.pk, confirmed=True).first()


def bound(persistent_id: str) -> Device | None:
    """Return the device with that django-otp id, of any user, as django-otp finds it."""
    label, _slash, key = persistent_id.rpartition("/")
    statement = _by_label().get(label)
    if statement is None or not KEY.fullmatch(key):
        found: Device | None = Device.from_persistent_id(persistent_id)
        return found
    return next(iter(statement.rows(key=Given(statement.model, "id", int(key)))), None)


@cache
def _by_label() -> dict[str, Statement]:
    """Return the statement that finds a device by its primary key, by model label, for models with a key like django-otp's."""
    return {factor.model.model_label(): _of_key(factor.model) for factor in registry.factors() if _has_usual_key(factor.model)}


def _has_usual_key(model: type[Device]) -> bool:
    return isinstance(model._meta.pk, AutoField) and model._meta.pk.name == "id" and statements.is_plain(model)


def _of_key(model: type[Device]) -> Statement:
    return Statement(model, lambda key: model.objects.filter(pk=key).order_by())


def _key(model: type[Device], text: str) -> Any:
    """Return the text as a primary key of the model, None if it is not one."""
    try:
        key = model._meta.pk.to_python(text) if len(text) <= LONGEST_PK and "\0" not in text else None
    except ValidationError:
        return None
    return key if str(key) == text else None


@receiver(setting_changed)
def _forget(*, setting: str, **_facts: Any) -> None:
    """Clear the cached statements when a test changes a setting that they depend on."""
    if setting in registry.DECIDING:
        for kept in (_held_by, _devices_of, _by_label):
            kept.cache_clear()
