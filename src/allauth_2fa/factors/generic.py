"""Any django-otp device that no other factor claims, judged by its own model under the row's lock."""

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
    """Serves one django-otp device model with no code of its own. Its id is the model's label, ``app.model``."""

    rank = 40
    inputmode = "text"

    def __init__(self, model: type[Device]) -> None:
        self._model = model
        self.id = model.model_label()
        self.icon = "message" if self.sends_codes else "key"
        self.label = model._meta.verbose_name  # noqa: SLF001 - Django documents it

    @property
    def model(self) -> type[Device]:
        """The django-otp model of this factor's devices."""
        return self._model

    def is_interactive(self, device: Device) -> bool:
        """Return whether the model sends something before it can be answered."""
        return bool(device.is_interactive())

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Let the model judge the answer, alone with its row. See :meth:`Factor.judge`."""
        judge_alone(device, answer)


@sensitive_variables("answer")
def judge_alone(device: Device, answer: str) -> None:
    """Let the device's own ``verify_token`` judge the answer while nobody else can write its row.

    Raises:
        NothingEnrolled: the device was removed meanwhile.
        Throttled: the device does not judge now.
        DeviceRefused: the answer is not right.
        NotJudged: the model could not tell.
    """
    refusal = _judge(device, answer)
    # Outside of the transaction: inside, the refusal would take back the throttling that it has just caused.
    if refusal is not None:
        raise refusal


@sensitive_variables("answer")
def complete_alone(device: Device, answer: str) -> None:
    """Let the device's own ``verify_token`` judge its first code, and confirm it. Raises as :func:`judge_alone` does."""
    judge_alone(device, answer)
    if not type(device)._base_manager.filter(pk=device.pk, user_id=device.user_id, confirmed=False).update(confirmed=True):  # noqa: SLF001 - documented
        raise NothingEnrolled
    device.confirmed = True


def charge(device: Device) -> None:
    """Let the device pay what a wrong answer costs, for one that was refused unread."""
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
    except Exception as error:  # noqa: BLE001 - a model that asks a server over the network may raise any
        # Its kind alone is logged: its text may hold the answer, as a part of an address for example.
        logger.error("A device of the kind %s could not judge: %s", device.model_label(), type(error).__name__)  # noqa: TRY400
        return NotJudged()


@sensitive_variables("answer")
def _verifies(device: Device, row: Any, answer: str) -> bool:
    """Return what the model says to the answer: to the code that this login was sent, where the device has sent one."""
    sent = asked(device)
    return verifies(sent, row, answer) if sent is not None and sent.digest else bool(row.verify_token(answer))


@contextmanager
def alone(device: Device) -> Iterator[Any]:
    """Give the device's row as it is now, while nobody else can write it; None if it was removed or confirmed meanwhile.

    It is read where it is written: a replica may not know yet that a code was used up.
    """
    model = type(device)
    database = router.db_for_write(model, instance=device)
    with transaction.atomic(using=database):
        yield model._base_manager.using(database).select_for_update().get(pk=device.pk) if _hold(device, database) else None  # noqa: SLF001 - documented


def _hold(device: Device, database: str) -> bool:
    """Lock the row until the end of the transaction, and return whether it is there.

    A write that changes nothing is the lock that every database has: SQLite knows no other, and refuses a transaction
    that reads before it writes. It goes to the table that has the column, which may be that of a parent model.
    """
    table: Any = type(device)._meta.get_field("confirmed").model  # noqa: SLF001 - Django documents it
    rows = table._base_manager.using(database).filter(pk=getattr(device, table._meta.pk.attname))  # noqa: SLF001 - documented
    return bool(rows.filter(user_id=device.user_id, confirmed=device.confirmed).update(confirmed=device.confirmed))


def _throttled(facts: dict[str, Any]) -> Throttled:
    return Throttled(facts.get("locked_until"))
