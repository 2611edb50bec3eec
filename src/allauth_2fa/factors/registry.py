"""Which factors there are, in which order they are offered, and what a user holds of them.

Each factor whose django-otp app is installed is on, but for those that a site has to ask for (e-mail);
``ALLAUTH_2FA_FACTORS`` orders and limits them. A device model that no factor claims gets the generic factor, so that every
django-otp plugin is served.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import django_otp
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.signals import setting_changed
from django.db.models import AutoField, Value
from django.dispatch import receiver
from django.utils.module_loading import import_string
from django_otp.models import Device

from allauth_2fa import app_settings, statements
from allauth_2fa.exceptions import NothingEnrolled
from allauth_2fa.models import Browser, DeviceOptions
from allauth_2fa.statements import Fact, Given, Statement

from .base import Factor
from .generic import GenericFactor
from .recovery import RecoveryFactor
from .static import StaticFactor
from .totp import TotpFactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet

totp = TotpFactor()
recovery = RecoveryFactor()
static = StaticFactor()

BUILT_IN: tuple[tuple[str, str], ...] = (
    ("django_otp.plugins.otp_hotp", "allauth_2fa.factors.hotp.HotpFactor"),
    ("django_otp.plugins.otp_email", "allauth_2fa.factors.email.EmailFactor"),
    ("django_otp_webauthn", "allauth_2fa.factors.webauthn.WebAuthnFactor"),
    ("otp_twilio", "allauth_2fa.factors.sms.SmsFactor"),
    ("otp_yubikey", "allauth_2fa.factors.yubikey.YubikeyFactor"),
)
"""The app that must be installed, and the factor that then is on. Their modules import models, so they wait for it."""

NOT_GENERIC = frozenset({"django_otp_webauthn.webauthncredential"})
"""Models whose devices cannot be answered for by a code in a field."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""When a device was used that has not been used."""

LONGEST_PK = 64
"""Characters of the longest primary key that is looked at."""


KEY = re.compile(r"[0-9]{1,18}", re.ASCII)
"""Keys that every database takes for a number."""


@cache
def factors() -> tuple[Factor, ...]:
    """Return the factors that are on, in the order in which they are offered.

    Raises:
        ImproperlyConfigured: ``ALLAUTH_2FA_FACTORS`` names something that is no factor, or nothing that a login can wait
            for. Nobody logs in then: a mistake in a setting must not let everybody in without a second factor.
    """
    chosen = app_settings.FACTORS
    if not chosen:
        return tuple(sorted(_unasked(_once(_available(()))), key=lambda factor: factor.rank))
    listed = _listed(chosen)
    if not any(factor.primary for factor in listed):
        raise ImproperlyConfigured("ALLAUTH_2FA_FACTORS names no factor besides recovery codes")
    return listed


def _listed(chosen: Sequence[str]) -> tuple[Factor, ...]:
    own = [_own(entry) for entry in chosen if _is_path(entry)]
    by_id = {factor.id: factor for factor in _available(own)}
    try:
        return tuple(by_id[own.pop(0).id] if _is_path(entry) else by_id[entry] for entry in chosen)
    except KeyError as missing:
        known = ", ".join(sorted(by_id))
        raise ImproperlyConfigured(f"ALLAUTH_2FA_FACTORS names {missing}, which is not one of: {known}") from None


@receiver(setting_changed)
def _forget(*, setting: str, **_facts: Any) -> None:
    """Look again when a test changes what the answer hangs on."""
    if setting in {"ALLAUTH_2FA_FACTORS", "INSTALLED_APPS"}:
        for kept in (factors, primaries, _held_by, _devices_of, _by_label):
            kept.cache_clear()


def _available(own: Sequence[Factor]) -> list[Factor]:
    """Return the project's own factors, the built-in ones, and a generic one for each model that nobody claims."""
    built_in = [import_string(path)() for app, path in BUILT_IN if apps.is_installed(app)]
    claiming: list[Factor] = [*own, totp, *built_in, recovery, static]
    claimed = {factor.model for factor in claiming}
    unclaimed = [model for model in django_otp.device_classes() if model not in claimed and model.model_label() not in NOT_GENERIC]
    return [*claiming, *(GenericFactor(model) for model in unclaimed)]


def _once(available: list[Factor]) -> list[Factor]:
    """Leave out proxies of a model that is served, and its children: they have the same devices under another id."""
    served = {factor.model for factor in available}
    return [factor for factor in available if not served.intersection(factor.model.__mro__[1:])]


def _unasked(available: list[Factor]) -> list[Factor]:
    """Leave out what a site has to ask for by name."""
    return [factor for factor in available if not factor.opt_in]


def _is_path(entry: str) -> bool:
    """Tell a class of the project's own from an id: ids of generic factors have a dot too, and a small last part."""
    return entry.rpartition(".")[2][:1].isupper()


def _own(entry: str) -> Factor:
    factor = import_string(entry)()
    if not isinstance(factor, Factor):
        raise ImproperlyConfigured(f"ALLAUTH_2FA_FACTORS names {entry}, which is not a Factor")
    return factor


@cache
def primaries() -> tuple[Factor, ...]:
    """Return the factors that a login can be made to wait for."""
    return tuple(factor for factor in factors() if factor.primary)


def _confirmed(factor: Factor, user_id: object) -> QuerySet[Device]:
    """Return the user's confirmed devices without an order: a model may have one, and SQLite takes none into a UNION."""
    return factor.model.objects.filter(user_id=user_id, confirmed=True).order_by()


def confirmed(user_id: object, those: Sequence[Factor]) -> list[tuple[str, QuerySet[Device]]]:
    """Return the user's confirmed devices of these factors, as queries without an order, each with its model's label."""
    return [(factor.model.model_label(), _confirmed(factor, user_id)) for factor in those]


def has_primary(user: AbstractBaseUser) -> bool:
    """Return whether the user holds a device that a login has to wait for (one query)."""
    return bool(_held_by(primaries()).rows(user=owner(user.pk)))


def count_primary(user_id: object) -> int:
    """Return how many devices the user of that key holds that a login can wait for (one query)."""
    return count(user_id, primaries())


def count(user_id: object, wanted: Sequence[Factor]) -> int:
    """Return how many devices of these factors the user of that key holds (one query)."""
    if not wanted:
        return 0
    # Primary keys of different models may be of different types, which PostgreSQL takes into no UNION.
    first, *others = [_confirmed(factor, user_id).values_list("user_id") for factor in wanted]
    return first.union(*others, all=True).count() if others else first.count()


def held(user: AbstractBaseUser) -> tuple[Factor, ...]:
    """Return the factors of which the user has a confirmed device, in the order in which they are offered (one query)."""
    return held_of(user, factors())


def held_of(user: AbstractBaseUser, those: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """Return those of these factors of which the user has a confirmed device (one query)."""
    found = {at for (at,) in _held_by(those).rows(user=owner(user.pk))}
    return tuple(factor for at, factor in enumerate(those) if at in found)


def owner(user_id: object) -> Given:
    """Return the user of that key as a statement is given it."""
    return Given(Browser, "user", user_id)


@cache
def _held_by(those: tuple[Factor, ...]) -> Statement:
    """Return the statement that says of which of these factors a user has a confirmed device, by their places."""

    def build(user: Any) -> QuerySet[Any]:
        first, *others = [_confirmed(factor, user).values_list(Value(at)) for at, factor in enumerate(those)]
        return first.union(*others) if others else first[:1]

    return Statement(those[0].model, build, is_lasting=are_plain(those))


def are_plain(those: Sequence[Factor]) -> bool:
    """Return whether the devices of these factors are found in the same way each time."""
    return all(statements.is_plain(factor.model) for factor in those)


def kinds(user: AbstractBaseUser) -> list[str]:
    """Return the ids of the factors that the user holds, none if a login would not wait for any of them (one query)."""
    mine = held(user)
    return [factor.id for factor in mine] if any(factor.primary for factor in mine) else []


def to_look_at(user: AbstractBaseUser) -> tuple[Factor, ...]:
    """Return the factors that a login can wait for and the user may hold (one query, none if there is no more than one).

    Where a factor of the project's own finds devices in its own way, it alone knows.
    """
    those = primaries()
    if len(those) == 1:
        return those
    found = held_of(user, those)
    return tuple(factor for factor in those if factor in found or not _finds_as_usual(factor))


def _finds_as_usual(factor: Factor) -> bool:
    return statements.is_lasting(type(factor).devices)


def primary_devices(user: AbstractBaseUser, those: Sequence[Factor] | None = None, **facts: Fact) -> list[Any]:
    """Return the user's devices that a login can wait for (one query, and one more for each factor that the user holds).

    The one that the user prefers comes first (``device.is_preferred``), then the last used one.

    Args:
        user: whose devices they are.
        those: what :func:`to_look_at` gave for this user, if the caller has it already.
        facts: what is read along with each device, by the name of the attribute.
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
    """Return the statement that finds a user's devices of this factor, and these facts."""

    def build(user: Any, **given: Any) -> QuerySet[Device]:
        given["user"] = user
        found = {name: expression(**{part: given[part] for part in parts}) for name, expression, parts in facts}
        whose: Any = SimpleNamespace(pk=user)
        return factor.devices(whose).annotate(**_preference(factor), **found)

    return Statement(factor.model, build, is_lasting=statements.is_plain(factor.model))


def _preference(factor: Factor) -> dict[str, Any]:
    return {"is_preferred": DeviceOptions.says(factor.model, preferred=True)}


def may_send() -> bool:
    """Return whether there is a kind of device that sends codes."""
    return any(factor.sends_codes for factor in primaries())


def by_id(factor_id: str) -> Factor | None:
    """Return the factor of that id, None if there is none or it is off."""
    return next((factor for factor in factors() if factor.id == factor_id), None)


def factor_of(device: Device) -> Factor | None:
    """Return the factor whose device this is."""
    return next((factor for factor in factors() if isinstance(device, factor.model)), None)


def factor_in_use(device: Device) -> Factor:
    """Return the factor whose device this is.

    Raises:
        NothingEnrolled: it is off.
    """
    factor = factor_of(device)
    if factor is None:
        raise NothingEnrolled
    return factor


def load(persistent_id: str | None, user: AbstractBaseUser) -> Device | None:
    """Return the user's confirmed device of that django-otp id, None if there is none such, whoever else has it.

    The id is looked for in the tables of the factors only, and its owner is part of the query.
    """
    label, _slash, pk = (persistent_id or "").rpartition("/")
    factor = next((factor for factor in factors() if factor.model.model_label() == label), None)
    key = _key(factor.model, pk) if factor else None
    return None if factor is None or key is None else factor.model.objects.filter(pk=key, user_id=user.pk, confirmed=True).first()


def bound(persistent_id: str) -> Device | None:
    """Return the device of that django-otp id, whoever has it, as django-otp finds it."""
    label, _slash, key = persistent_id.rpartition("/")
    statement = _by_label().get(label)
    if statement is None or not KEY.fullmatch(key):
        found: Device | None = Device.from_persistent_id(persistent_id)
        return found
    return next(iter(statement.rows(key=Given(statement.model, "id", int(key)))), None)


@cache
def _by_label() -> dict[str, Statement]:
    """Return the statements that find a device by its key, of those factors whose models have such keys as django-otp's."""
    return {factor.model.model_label(): _of_key(factor.model) for factor in factors() if _has_usual_key(factor.model)}


def _has_usual_key(model: type[Device]) -> bool:
    return isinstance(model._meta.pk, AutoField) and model._meta.pk.name == "id" and statements.is_plain(model)


def _of_key(model: type[Device]) -> Statement:
    return Statement(model, lambda key: model.objects.filter(pk=key).order_by())


def _key(model: type[Device], text: str) -> Any:
    """Return the primary key that is written like that, None if the model has no such keys."""
    try:
        key = model._meta.pk.to_python(text) if len(text) <= LONGEST_PK and "\0" not in text else None
    except ValidationError:
        return None
    return key if str(key) == text else None
