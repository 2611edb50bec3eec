"""The factor for django-otp devices without a factor of their own: their model checks the answer, under a lock on the row."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import Error, router, transaction
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.encryption import columns
from allauth_2fa.exceptions import DeviceRefused, NothingEnrolled, NotJudged, Throttled, Unreadable

from .asked import asked, verifies
from .base import Factor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django_otp.models import Device

logger = logging.getLogger(__name__)


class GenericFactor(Factor):
    """Factor for one django-otp device model. Its id is the model's label, ``app.model``."""

    rank = 40
    inputmode = "text"

    def __init__(self, model: type[Device]) -> None:
        self._model = model
        self.id = model.model_label()
        self.icon = "message" if self.sends_codes else "key"
        self.label = model._meta.verbose_name

    @property
    def model(self) -> type[Device]:
        """The django-otp model of this factor's devices."""
        return self._model

    def is_interactive(self, device: Device) -> bool:
        """Return whether the model must send a code before an answer is possible."""
        return bool(device.is_interactive())

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Let the model check the answer under a lock on its row. See :meth:`Factor.judge`."""
        judge_alone(device, answer)


@sensitive_variables("answer")
def judge_alone(device: Device, answer: str) -> None:
    """Check the answer with the device's own ``verify_token``, under a lock on its row.

    Raises:
        NothingEnrolled: the device has been removed in the meantime.
        Unreadable: the device's secret cannot be read.
        Throttled: the device is throttled.
        DeviceRefused: the answer is wrong.
        NotJudged: the model raised an exception.
    """
    refusal = _judge(device, answer)
    # Outside of the transaction: inside, the exception would roll back the throttling that the model has just written.
    if refusal is not None:
        raise refusal


@sensitive_variables("answer")
def complete_alone(device: Device, answer: str) -> None:
    """Check the first code with the device's own ``verify_token`` and confirm the device. Raises as :func:`judge_alone` does."""
    judge_alone(device, answer)
    if not type(device)._base_manager.filter(pk=device.pk, user_id=device.user_id, confirmed=False).update(confirmed=True):
        raise NothingEnrolled
    device.confirmed = True


def charge(device: Device) -> None:
    """Count a wrong answer against the device, for an answer that was refused without being checked."""
    with alone(device) as row:
        if hasattr(row, "throttle_increment"):
            row.throttle_increment()


@sensitive_variables("answer")
def _judge(device: Device, answer: str) -> Exception | None:
    try:
        with alone(device) as row:
            if row is None:
                return NothingEnrolled()
            if columns.refuses(row):
                return Unreadable()
            allowed, facts = row.verify_is_allowed()
            if not allowed:
                return _throttled(facts or {})
            return None if _verifies(device, row, answer) else DeviceRefused()
    except Error:
        raise
    except Exception as error:  # noqa: BLE001 - a model that asks a server over the network may raise any exception
        # Log the type only: the message may contain the answer, for instance as a part of a URL.
        logger.error("A device of the kind %s could not judge: %s", device.model_label(), type(error).__name__)
        return NotJudged()


@sensitive_variables("answer")
def _verifies(device: Device, row: Any, answer: str) -> bool:
    """Return whether the model accepts the answer: for the code that was sent to this login, if the device has sent one."""
    sent = asked(device)
    return verifies(sent, row, answer) if sent is not None and sent.digest else bool(row.verify_token(answer))


@contextmanager
def alone(device: Device) -> Iterator[Any]:
    """Yield the device's locked row as it is now; None if it has been removed or confirmed in the meantime.

    It is read from the database for writing: a replica may not know yet that a code was used up.
    """
    model = type(device)
    database = router.db_for_write(model, instance=device)
    with transaction.atomic(using=database):
        yield model._base_manager.using(database).select_for_update().get(pk=device.pk) if hold(device) else None


def hold(device: Device) -> bool:
    """Lock the device's row until the end of the transaction, and return whether it exists.

    The lock is an UPDATE that changes nothing, since that works on every database: SQLite has no other row lock, and fails
    when a transaction reads before it writes. The UPDATE goes to the table that has the column, which may belong to a parent
    model.
    """
    table: Any = type(device)._meta.get_field("confirmed").model
    rows = table._base_manager.using(router.db_for_write(type(device), instance=device)).filter(pk=getattr(device, table._meta.pk.attname))
    return bool(rows.filter(user_id=device.user_id, confirmed=device.confirmed).update(confirmed=device.confirmed))


def _throttled(facts: dict[str, Any]) -> Throttled:
    return Throttled(facts.get("locked_until"))
