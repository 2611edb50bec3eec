"""Lists the factors that are on, in the order in which they are offered, and finds the devices of a user.

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
"""Models with devices that cannot be verified by a typed code."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""The time of use of a device that has never been used, for sorting."""

LONGEST_PK = 64
"""Length of the longest primary key that is looked up, in characters."""


KEY = re.compile(r"[1-9][0-9]{0,17}")
"""Keys that every database takes for one of a row, which 0 is not on MySQL."""


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
    """Clear the cached list when a test changes a setting that it depends on."""
    if setting in {"ALLAUTH_2FA_FACTORS", "INSTALLED_APPS"}:
        for kept in (factors, primaries, _held_by, _devices_of, _by_label):
            kept.cache_clear()


def _available(own: Sequence[Factor]) -> list[Factor]:
    """Return the project's own factors, the built-in ones, and a generic one for each model without a factor."""
    built_in = [import_string(path)() for app, path in BUILT_IN if apps.is_installed(app)]
    claiming: list[Factor] = [*own, totp, *built_in, recovery, static]
    claimed = {factor.model for factor in claiming}
    unclaimed = [model for model in django_otp.device_classes() if model not in claimed and model.model_label() not in NOT_GENERIC]
    return [*claiming, *(GenericFactor(model) for model in unclaimed)]


def _once(available: list[Factor]) -> list[Factor]:
    """Leave out models that are proxies or children of a model with a factor: they have the same devices under another id."""
    served = {factor.model for factor in available}
    return [factor for factor in available if not served.intersection(factor.model.__mro__[1:])]


def _unasked(available: list[Factor]) -> list[Factor]:
    """Leave out the factors that are on only if ``ALLAUTH_2FA_FACTORS`` names them."""
    return [factor for factor in available if not factor.opt_in]


def _is_path(entry: str) -> bool:
    """Return whether the entry is the path of a class and not an id. The last part of a generic factor's id is in lower case."""
    return entry.rpartition(".")[2][:1].isupper()


def _own(entry: str) -> Factor:
    factor = import_string(entry)()
    if not isinstance(factor, Factor):
        raise ImproperlyConfigured(f"ALLAUTH_2FA_FACTORS names {entry}, which is not a Factor")
    return factor


@cache
def primaries() -> tuple[Factor, ...]:
    """Return the primary factors: a login waits for users who have one of them."""
    return tuple(factor for factor in factors() if factor.primary)


def _confirmed(factor: Factor, user_id: object) -> QuerySet[Device]:
    """Return the user's confirmed devices without an order: a model may define one, and SQLite accepts none in a UNION."""
    return factor.model.objects.filter(user_id=user_id, confirmed=True).order_by()


def confirmed(user_id: object, those: Sequence[Factor]) -> list[tuple[str, QuerySet[Device]]]:
    """Return one unordered query for the user's confirmed devices of each factor, with the label of its model."""
    return [(factor.model.model_label(), _confirmed(factor, user_id)) for factor in those]


def has_primary(user: AbstractBaseUser) -> bool:
    """Return whether the user has a device of a primary factor (one query)."""
    return bool(_held_by(primaries()).rows(user=owner(user.pk)))


def count_primary(user_id: object) -> int:
    """Return the number of the user's devices of primary factors (one query)."""
    return count(user_id, primaries())


def count(user_id: object, wanted: Sequence[Factor]) -> int:
    """Return the number of the user's devices of these factors (one query)."""
    if not wanted:
        return 0
    # Primary keys of different models may be of different types, which PostgreSQL takes into no UNION.
    first, *others = [_confirmed(factor, user_id).values_list("user_id") for factor in wanted]
    return first.union(*others, all=True).count() if others else first.count()


def held(user: AbstractBaseUser) -> tuple[Factor, ...]:
    """Return the factors that the user has a confirmed device of, in the order in which they are offered (one query)."""
    return held_of(user, factors())


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


def kinds(user: AbstractBaseUser) -> list[str]:
    """Return the ids of the user's factors; none if the user has no primary factor (one query)."""
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


def may_send() -> bool:
    """Return whether a primary factor can send codes."""
    return any(factor.sends_codes for factor in primaries())


def by_id(factor_id: str) -> Factor | None:
    """Return the factor with that id, None if there is none or it is off."""
    return next((factor for factor in factors() if factor.id == factor_id), None)


def factor_of(device: Device) -> Factor | None:
    """Return the factor of the device, None if it is off."""
    return next((factor for factor in factors() if isinstance(device, factor.model)), None)


def factor_in_use(device: Device) -> Factor:
    """Return the factor of the device.

    Raises:
        NothingEnrolled: it is off.
    """
    factor = factor_of(device)
    if factor is None:
        raise NothingEnrolled
    return factor


def load(persistent_id: str | None, user: AbstractBaseUser) -> Device | None:
    """Return the user's confirmed device with that django-otp id; None if the user has no such device.

    Only the tables of the factors are searched, and the owner is part of the query.
    """
    label, _slash, pk = (persistent_id or "").rpartition("/")
    factor = next((factor for factor in factors() if factor.model.model_label() == label), None)
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
    return {factor.model.model_label(): _of_key(factor.model) for factor in factors() if _has_usual_key(factor.model)}


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
