"""Devices and addresses that are deleted past our pages: Django's signals tell of them, whoever deletes them.

A signal knows no request. This is the place that finds the current one, and hands it on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.core import context
from django.apps import apps
from django.db import transaction
from django.db.models.signals import post_delete, pre_delete
from django_otp.models import Device

from .devices import addresses, removals

if TYPE_CHECKING:
    from collections.abc import Callable


def connect() -> None:
    """Hear of each device, of whichever class, and of each address that is deleted. To be called once, when the apps are ready."""
    for model in apps.get_models():
        if issubclass(model, Device):
            _hear(pre_delete, model, before_device)
            _hear(post_delete, model, after_device)
    _hear(post_delete, EmailAddress, after_address)


def _hear(signal: Any, model: Any, receiver: Callable[..., None]) -> None:
    signal.connect(receiver, sender=model, dispatch_uid=f"allauth_2fa.{receiver.__name__}")


def before_device(sender: type[Device], instance: Device, origin: Any = None, **_facts: Any) -> None:
    """Look at a device before it is deleted."""
    removals.begin(context.request, sender, instance, origin)


def after_device(sender: type[Device], instance: Device, origin: Any = None, **_facts: Any) -> None:
    """Do what follows a removal, in the transaction of the deletion."""
    removals.complete(context.request, sender, instance, origin)


def after_address(instance: EmailAddress, **_facts: Any) -> None:
    """Remove the devices that hang on the address, once it is gone: the user may be about to go as well."""
    transaction.on_commit(partial(addresses.remove_at, context.request, instance.user_id, instance.email), robust=True)
