"""Encrypts the columns of django-otp's devices that hold a secret or a code: plain in memory, encrypted in the database.

:func:`connect` changes the class of these fields when the apps are ready. The new class writes, compares and dumps ciphertexts,
and decrypts a column when an instance is made. All code that works with instances sees plain secrets as before: django-otp's
own code, the admin, forms, deferred fields, reads and writes in bulk. ``values()`` and ``update(key="...")`` work with the
stored texts, since they do not know the owner.

Signals alone would not do. With a field class a save that fails leaves no ciphertext in memory, ``bulk_create`` encrypts too,
and ``dumpdata`` writes no secret.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, post_save, pre_save
from django.views.decorators.debug import sensitive_variables
from django_otp.models import DeviceManager, SideChannelDevice

from allauth_2fa.exceptions import NotJudged

from . import cipher, values
from .values import OWNER, Digested, Secret, StoredValue, Undecrypted, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

SECRETS = {"otp_totp.totpdevice": "key", "otp_hotp.hotpdevice": "key"}
"""The column that holds the secret, by the label of the model."""


class AtRest(models.CharField):
    """Base class of the fields that hold secrets and codes."""

    @property
    def column_name(self) -> str:
        """The name that ciphertexts are bound to: the same for the model, its proxies and its children."""
        return f"{self.model._meta.label_lower}.{self.attname}"

    def owner(self, user_id: Any) -> str:
        """Return the primary key of a user as text, for a key of any type."""
        field: Any = self.model._meta.get_field("user")
        return str(field.to_python(user_id))

    def bound(self, instance: Any) -> tuple[str, str]:
        """Return the column name and the owner to bind a ciphertext of this instance to."""
        return self.column_name, self.owner(instance.user_id)

    @abstractmethod
    def to_store(self, instance: models.Model, value: Any) -> Any:
        """Return the value together with the text to store for the owner of the instance."""

    def with_newest_key(self, value: StoredValue) -> Any:
        """Return the value to write, encrypted with the newest key if it was loaded before a key rotation."""
        return value

    @abstractmethod
    def needs_conversion(self, text: str) -> bool:
        """Return whether a loaded text must be converted before the instance may show it."""

    @abstractmethod
    def in_memory(self, text: str, user_id: Any) -> str:
        """Return the value in memory of a stored text of this owner."""

    # Django's field methods

    @sensitive_variables("value")
    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001 - Django's signature
        value = self.to_store(model_instance, super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    @sensitive_variables("value")
    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(values.at_rest(value))

    @sensitive_variables("value")
    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        # Prepared values are compared with the column; all others are written. Django 5.2.0 does not tell the two apart in bulk updates.
        written = self.with_newest_key(value) if isinstance(value, StoredValue) and not prepared else value
        return super().get_db_prep_value(written, connection, prepared)

    @sensitive_variables("value")
    def value_to_string(self, obj: models.Model) -> str:
        return str(values.at_rest(self.to_store(obj, self.value_from_object(obj))))

    # Signal receivers

    def load(self, instance: models.Model, **_facts: Any) -> None:
        """Convert the text that a new instance was made with. Receives ``post_init``."""
        data = vars(instance)
        text = data.get(self.attname)
        if not isinstance(text, str) or isinstance(text, StoredValue) or not self.needs_conversion(text):
            return
        if "user_id" in data:
            self.convert(instance, text)
        else:
            # Reading the owner now would make Django load it, and Django does not know the database yet.
            data[self.attname] = Undecrypted(text)

    def convert(self, instance: Any, text: str) -> None:
        """Set the instance's attribute to the value of the text."""
        self._put(instance, self.in_memory(text, instance.user_id))

    def convert_deferred(self, instance: Any, text: str) -> None:
        """Convert the text some time after the row was loaded; the instance may have been given to another user since."""
        value = self.in_memory(text, instance.user_id)
        if isinstance(value, Unreadable):
            rows = self.model._base_manager.using(instance._state.db).filter(pk=instance.pk)
            value = next((self.in_memory(text, owner) for owner in rows.values_list("user_id", flat=True)), value)
        self._put(instance, value)

    def _put(self, instance: models.Model, value: str) -> None:
        data = vars(instance)
        data[self.attname] = value
        if isinstance(data[self.attname], Unreadable):
            data["verify_is_allowed"] = partial(_verify_is_allowed, instance)

    def before_save(self, instance: models.Model, *, raw: bool = False, update_fields: Any = None, **_facts: Any) -> None:
        """Encrypt the secrets of a fixture, since Django writes them without calling the field. Receives ``pre_save``.

        A deferred secret is loaded before the owner changes: afterwards nothing tells which owner it was encrypted for.
        """
        if raw:
            self.pre_save(instance, add=False)
        elif OWNER.intersection(update_fields or ()):
            getattr(instance, self.attname)

    def after_save(self, instance: models.Model, **_facts: Any) -> None:
        """Encrypt the secret for the new owner where a save has changed only the owner. Receives ``post_save``."""


class SecretField(AtRest):
    """Holds the secret of a device."""

    @sensitive_variables("value")
    def to_store(self, instance: models.Model, value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, Unreadable):
            return value
        return values.encrypted(value, *self.bound(instance))

    def with_newest_key(self, value: StoredValue) -> Any:
        # With the newest key: a value that was loaded before a rotation must not bring the older key back.
        return values.encrypted(value, value.column_name, value.owner) if isinstance(value, Secret) else value

    def needs_conversion(self, text: str) -> bool:
        return cipher.is_encrypted(text) or (bool(text) and not values.bytes_of(text))

    def in_memory(self, text: str, user_id: Any) -> str:
        return values.decrypted(text, self.column_name, self.owner(user_id))

    def after_save(self, instance: Any, *, using: str = "", update_fields: Any = None, **_facts: Any) -> None:
        secret = vars(instance).get(self.attname)
        if not OWNER.intersection(update_fields or ()) or not isinstance(secret, Secret):
            return
        column_name, owner = self.bound(instance)
        if owner != secret.owner:
            moved = values.encrypted(secret, column_name, owner)
            mine = self.model._base_manager.using(using).filter(pk=instance.pk)
            mine.filter(**{f"{self.attname}__in": values.equivalent_ciphertexts(secret, column_name, secret.owner)}).update(
                **{self.attname: moved}
            )
            setattr(instance, self.attname, moved)


class CodeField(AtRest):
    """Holds a code that was sent."""

    @sensitive_variables("value")
    def to_store(self, instance: models.Model, value: Any) -> Any:
        if not value or not isinstance(value, str) or isinstance(value, Digested):
            return value
        return values.digested(value, *self.bound(instance))

    def needs_conversion(self, text: str) -> bool:
        return cipher.is_digest(text)

    def in_memory(self, text: str, user_id: Any) -> str:
        return Digested(text, text, self.column_name, self.owner(user_id))


class OwnedRows(models.QuerySet):
    """Query set of django-otp's devices: a bulk update that changes owners encrypts the secrets for the new owners."""

    def bulk_update(self, objs: Any, fields: Any, batch_size: int | None = None) -> int:
        """Update the rows; write the secrets as well where the owners are written."""
        objs, names = tuple(objs), list(fields)
        if OWNER.intersection(names):
            for field in [field for field in self.model._meta.concrete_fields if isinstance(field, SecretField)]:
                for device in objs:
                    field.pre_save(device, add=False)
                names = list(dict.fromkeys([*names, field.name]))
        return super().bulk_update(objs, names, batch_size)


class ColumnAttribute(DeferredAttribute):
    """Descriptor of an encrypted column: decrypts on first access a secret that was loaded without its owner."""

    field: Any

    @sensitive_variables("value")
    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Undecrypted):
            self.field.convert_deferred(instance, str(value))
            return vars(instance)[self.field.attname]
        return value

    @sensitive_variables("value")
    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.field.attname] = value

    def fetch_many(self, instances: Any) -> None:
        """Convert the texts that Django 6.1 has fetched for all instances of a query at once."""
        super().fetch_many(instances)
        for instance in instances:
            self.field.load(instance)


# Which columns


def connect() -> None:
    """Install the field classes on all models, their proxies and children included. Call it once, when the apps are ready."""
    DeviceManager._queryset_class = OwnedRows  # noqa: SLF001 - what BaseManager.from_queryset() sets
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            _adopt(field)
            if isinstance(field, AtRest):
                uid = f"allauth_2fa.{field.column_name}"
                post_init.connect(field.load, sender=model, weak=False, dispatch_uid=uid)
                pre_save.connect(field.before_save, sender=model, weak=False, dispatch_uid=uid)
                post_save.connect(field.after_save, sender=model, weak=False, dispatch_uid=uid)


def _adopt(field: Any) -> None:
    """Give the field its encrypting class under the field's own class name, so that migrations and error messages stay the same."""
    needed = _class_for(field)
    if needed is not None and not isinstance(field, AtRest):
        own = type(field)
        field.__class__ = type(own.__name__, (needed, own), {"__module__": own.__module__, "__qualname__": own.__qualname__})
        setattr(field.model, field.attname, ColumnAttribute(field))


def _class_for(field: Any) -> type[AtRest] | None:
    if SECRETS.get(field.model._meta.label_lower) == field.attname:
        return SecretField
    is_code = field.attname == "token" and issubclass(field.model, SideChannelDevice) and isinstance(field, models.CharField)
    return CodeField if is_code and (field.max_length or cipher.DIGEST_LENGTH) >= cipher.DIGEST_LENGTH else None


def columns() -> Iterator[AtRest]:
    """Yield each encrypted column once, in the order of the apps."""
    for model in apps.get_models():
        yield from (field for field in model._meta.local_concrete_fields if isinstance(field, AtRest) and field.model is model)


# For factors


@sensitive_variables("plain")
def encrypted_for(device: models.Model, plain: str, attribute: str = "key") -> str:
    """Return a new secret encrypted for the device, to be passed to ``update()``, which does not know the owner."""
    field: Any = device._meta.get_field(attribute)
    return values.encrypted(plain, *field.bound(device))


def equivalent_ciphertexts_of(device: models.Model, attribute: str = "key") -> list[str]:
    """Return all texts that the column may hold for the device's secret, also while ``allauth_2fa_secrets`` rewrites it."""
    field: Any = device._meta.get_field(attribute)
    return values.equivalent_ciphertexts(getattr(device, attribute), *field.bound(device))


def is_unreadable(device: models.Model) -> bool:
    """Return whether a secret of the device cannot be read, so that the device refuses every answer."""
    return Unreadable in map(type, vars(device).values())


def refuses(device: models.Model) -> bool:
    """Return whether a secret of the device cannot be read, and log why."""
    for value in list(vars(device).values()):
        if isinstance(value, Unreadable):
            logger.error("The secret of a device cannot be read, %s of row %s: %s.", value.column_name, device.pk, value.reason)
    return is_unreadable(device)


def _verify_is_allowed(device: Any) -> tuple[bool, dict[str, Any] | None]:
    """Replace ``verify_is_allowed()`` of a device that was loaded with an unreadable secret."""
    if refuses(device):
        return False, {"error_message": NotJudged.sentence}
    return type(device).verify_is_allowed(device)
