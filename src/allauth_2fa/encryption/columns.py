"""The columns of django-otp's devices that hold a secret or a code: plain in memory, sealed in the database.

:func:`connect` adopts them when the apps are ready. It gives their fields a class that writes, compares and dumps what is
sealed, and opens what was loaded when an instance is made. Whoever works with instances sees secrets as they always were:
django-otp's own code, the admin, forms, deferred fields, reads and writes in bulk. ``values()`` and ``update(key="...")``
work with the texts of the column itself, since they know no owner.

A field's class, and not signals alone: a save that fails leaves no sealed text in memory, ``bulk_create`` seals too, and
``dumpdata`` writes no secret.
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

from . import cipher
from .values import OWNER, Digested, Kept, Secret, Shut, Waiting, at_rest, bytes_of, digested, opened, sealed, spellings

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

SECRETS = {"otp_totp.totpdevice": "key", "otp_hotp.hotpdevice": "key"}
"""Which column of which model holds a secret."""


class AtRest(models.CharField):
    """What the fields of secrets and of codes have in common."""

    @property
    def column_name(self) -> str:
        """The name that texts are bound to: the same for the model, its proxies and its children."""
        return f"{self.model._meta.label_lower}.{self.attname}"  # noqa: SLF001 - Django documents it

    def owner(self, user_id: Any) -> str:
        """Return the key of a user in one form, whatever type it was given in."""
        field: Any = self.model._meta.get_field("user")  # noqa: SLF001 - Django documents it
        return str(field.to_python(user_id))

    def bound(self, instance: Any) -> tuple[str, str]:
        """Return what the texts of this instance are bound to: place and owner."""
        return self.column_name, self.owner(instance.user_id)

    @abstractmethod
    def kept(self, instance: models.Model, value: Any) -> Any:
        """Return the value with the text that is to be kept of it for the owner of the instance."""

    def renewed(self, value: Kept) -> Any:
        """Return what is to be written of a value that may have been loaded a while ago."""
        return value

    @abstractmethod
    def concerns(self, text: str) -> bool:
        """Return whether a loaded text stands for something else in memory."""

    @abstractmethod
    def taken(self, text: str, user_id: Any) -> str:
        """Return what such a text of this owner's is in memory."""

    # What Django asks a field for

    @sensitive_variables("value")
    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001 - Django's signature
        value = self.kept(model_instance, super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    @sensitive_variables("value")
    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(at_rest(value))

    @sensitive_variables("value")
    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        # What is prepared is compared with the column. The rest is written: Django 5.2.0 does not say so in bulk updates.
        written = self.renewed(value) if isinstance(value, Kept) and not prepared else value
        return super().get_db_prep_value(written, connection, prepared)

    @sensitive_variables("value")
    def value_to_string(self, obj: models.Model) -> str:
        return str(at_rest(self.kept(obj, self.value_from_object(obj))))

    # What signals tell

    def load(self, instance: models.Model, **_facts: Any) -> None:
        """Take over the text that an instance was just made with. Receives ``post_init``."""
        data = vars(instance)
        text = data.get(self.attname)
        if not isinstance(text, str) or isinstance(text, Kept) or not self.concerns(text):
            return
        if "user_id" in data:
            self.take(instance, text)
        else:
            # Django would load the owner now, and does not know yet from which database.
            data[self.attname] = Waiting(text)

    def take(self, instance: Any, text: str) -> None:
        """Put into the instance what the text is in memory."""
        self._put(instance, self.taken(text, instance.user_id))

    def take_late(self, instance: Any, text: str) -> None:
        """Do the same some time after the row was loaded: the instance may have been given to another user meanwhile."""
        value = self.taken(text, instance.user_id)
        if isinstance(value, Shut):
            rows = self.model._base_manager.using(instance._state.db).filter(pk=instance.pk)  # noqa: SLF001 - Django documents it
            value = next((self.taken(text, owner) for owner in rows.values_list("user_id", flat=True)), value)
        self._put(instance, value)

    def _put(self, instance: models.Model, value: str) -> None:
        data = vars(instance)
        data[self.attname] = value
        if isinstance(data[self.attname], Shut):
            data["verify_is_allowed"] = partial(_verify_is_allowed, instance)

    def before_save(self, instance: models.Model, *, raw: bool = False, update_fields: Any = None, **_facts: Any) -> None:
        """Keep what a fixture holds, which Django writes without asking the field. Receives ``pre_save``.

        What has not been loaded is loaded before the owner changes: afterwards nobody knows for whom it was sealed.
        """
        if raw:
            self.pre_save(instance, add=False)
        elif OWNER.intersection(update_fields or ()):
            getattr(instance, self.attname)

    def after_save(self, instance: models.Model, **_facts: Any) -> None:
        """Follow the owner, if only he was saved. Receives ``post_save``."""


class SecretField(AtRest):
    """Holds the secret of a device."""

    @sensitive_variables("value")
    def kept(self, instance: models.Model, value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, Shut):
            return value
        return sealed(value, *self.bound(instance))

    def renewed(self, value: Kept) -> Any:
        # By the newest key: what was loaded before a rotation must not bring an older one back.
        return sealed(value, value.column_name, value.owner) if isinstance(value, Secret) else value

    def concerns(self, text: str) -> bool:
        return cipher.is_sealed(text) or (bool(text) and not bytes_of(text))

    def taken(self, text: str, user_id: Any) -> str:
        return opened(text, self.column_name, self.owner(user_id))

    def after_save(self, instance: Any, *, using: str = "", update_fields: Any = None, **_facts: Any) -> None:
        secret = vars(instance).get(self.attname)
        if not OWNER.intersection(update_fields or ()) or not isinstance(secret, Secret):
            return
        column_name, owner = self.bound(instance)
        if owner != secret.owner:
            moved = sealed(secret, column_name, owner)
            mine = self.model._base_manager.using(using).filter(pk=instance.pk)  # noqa: SLF001 - Django documents it
            mine.filter(**{f"{self.attname}__in": spellings(secret, column_name, secret.owner)}).update(**{self.attname: moved})
            setattr(instance, self.attname, moved)


class CodeField(AtRest):
    """Holds a code that was sent."""

    @sensitive_variables("value")
    def kept(self, instance: models.Model, value: Any) -> Any:
        if not value or not isinstance(value, str) or isinstance(value, Digested):
            return value
        return digested(value, *self.bound(instance))

    def concerns(self, text: str) -> bool:
        return cipher.is_digest(text)

    def taken(self, text: str, user_id: Any) -> str:
        return Digested(text, text, self.column_name, self.owner(user_id))


class OwnedRows(models.QuerySet):
    """The rows of django-otp's devices. Whoever gives them to other users in bulk has their secrets sealed for those."""

    def bulk_update(self, objs: Any, fields: Any, batch_size: int | None = None) -> int:
        """Write the secrets as well, if the owners are written."""
        objs, names = tuple(objs), list(fields)
        if OWNER.intersection(names):
            for field in [field for field in self.model._meta.concrete_fields if isinstance(field, SecretField)]:  # noqa: SLF001 - documented
                for device in objs:
                    field.pre_save(device, add=False)
                names = list(dict.fromkeys([*names, field.name]))
        return super().bulk_update(objs, names, batch_size)


class ColumnAttribute(DeferredAttribute):
    """What a model has instead of the column. It asks for the owner of a secret that was loaded without."""

    field: Any

    @sensitive_variables("value")
    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Waiting):
            self.field.take_late(instance, str(value))
            return vars(instance)[self.field.attname]
        return value

    @sensitive_variables("value")
    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.field.attname] = value

    def fetch_many(self, instances: Any) -> None:
        """Take over what Django 6.1 has fetched for all instances of a query at once."""
        super().fetch_many(instances)
        for instance in instances:
            self.field.load(instance)


# Which columns


def connect() -> None:
    """Adopt the columns of all models, their proxies and children included. To be called once, when the apps are ready."""
    DeviceManager._queryset_class = OwnedRows  # noqa: SLF001 - what BaseManager.from_queryset() sets
    for model in apps.get_models():
        for field in model._meta.concrete_fields:  # noqa: SLF001 - Django documents it
            _adopt(field)
            if isinstance(field, AtRest):
                uid = f"allauth_2fa.{field.column_name}"
                post_init.connect(field.load, sender=model, weak=False, dispatch_uid=uid)
                pre_save.connect(field.before_save, sender=model, weak=False, dispatch_uid=uid)
                post_save.connect(field.after_save, sender=model, weak=False, dispatch_uid=uid)


def _adopt(field: Any) -> None:
    """Give the field the class that it needs, under the name of its own: migrations and error messages tell no difference."""
    needed = _class_for(field)
    if needed is not None and not isinstance(field, AtRest):
        own = type(field)
        field.__class__ = type(own.__name__, (needed, own), {"__module__": own.__module__, "__qualname__": own.__qualname__})
        setattr(field.model, field.attname, ColumnAttribute(field))


def _class_for(field: Any) -> type[AtRest] | None:
    if SECRETS.get(field.model._meta.label_lower) == field.attname:  # noqa: SLF001 - Django documents it
        return SecretField
    is_code = field.attname == "token" and issubclass(field.model, SideChannelDevice) and isinstance(field, models.CharField)
    return CodeField if is_code and (field.max_length or cipher.DIGEST_LENGTH) >= cipher.DIGEST_LENGTH else None


def columns() -> Iterator[AtRest]:
    """Yield the columns that were adopted, each once, in the order of the apps."""
    for model in apps.get_models():
        yield from (field for field in model._meta.local_concrete_fields if isinstance(field, AtRest) and field.model is model)  # noqa: SLF001


# What factors ask for


@sensitive_variables("plain")
def sealed_for(device: models.Model, plain: str, attribute: str = "key") -> str:
    """Return a new secret of the device as ``update()`` needs it, which knows no owner."""
    field: Any = device._meta.get_field(attribute)  # noqa: SLF001 - Django documents it
    return sealed(plain, *field.bound(device))


def spellings_of(device: models.Model, attribute: str = "key") -> list[str]:
    """Return all texts that the column may hold while it holds the device's secret.

    A condition on them stays exact, whatever ``allauth_2fa_secrets`` does to the column meanwhile.
    """
    field: Any = device._meta.get_field(attribute)  # noqa: SLF001 - Django documents it
    return spellings(getattr(device, attribute), *field.bound(device))


def is_shut(device: models.Model) -> bool:
    """Return whether a secret of the device cannot be read, so that it refuses every answer."""
    return Shut in map(type, vars(device).values())


def refuses(device: models.Model) -> bool:
    """Return whether the device refuses every answer because a secret of it cannot be read, and log why."""
    for value in list(vars(device).values()):
        if isinstance(value, Shut):
            logger.error("The secret of a device cannot be read, %s of row %s: %s.", value.column_name, device.pk, value.reason)
    return is_shut(device)


def _verify_is_allowed(device: Any) -> tuple[bool, dict[str, Any] | None]:
    """Stand in for the method of a device that was loaded with a secret that cannot be read."""
    if refuses(device):
        return False, {"error_message": NotJudged.sentence}
    return type(device).verify_is_allowed(device)
