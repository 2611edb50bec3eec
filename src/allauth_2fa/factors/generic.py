"""Any django-otp device that no other factor claims, judged by its own model under the row's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils.text import capfirst
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.exceptions import DeviceRefused, NothingEnrolled, Throttled

from .base import Factor

if TYPE_CHECKING:
    from django_otp.models import Device


class GenericFactor(Factor):
    """Serves one django-otp device model with no code of its own. Its id is the model's label, ``app.model``."""

    rank = 40
    inputmode = "text"

    def __init__(self, model: type[Device]) -> None:
        self._model = model
        self.id = model.model_label()
        self.label = model._meta.verbose_name  # noqa: SLF001 - Django documents it

    @property
    def model(self) -> type[Device]:
        """The django-otp model of this factor's devices."""
        return self._model

    def is_interactive(self, device: Device) -> bool:
        """Tell whether the model sends something before it can be answered."""
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
    """
    refusal = _judge(device, answer)
    # Outside of the transaction: inside, the refusal would take back the throttling that it has just caused.
    if refusal is not None:
        raise refusal


@sensitive_variables("answer")
def _judge(device: Device, answer: str) -> Exception | None:
    rows = type(device)._default_manager.filter(pk=device.pk, user_id=device.user_id, confirmed=True)  # noqa: SLF001 - documented
    with transaction.atomic():
        # A write that changes nothing is the lock that every database has: SQLite knows no other, and refuses a
        # transaction that reads before it writes.
        if not rows.update(name=F("name")):
            return NothingEnrolled()
        row = rows.get()
        allowed, facts = row.verify_is_allowed()
        if not allowed:
            return _throttled(facts or {})
        return None if row.verify_token(answer) else DeviceRefused()


def _throttled(facts: dict[str, Any]) -> Throttled:
    return Throttled(facts.get("locked_until"))


def kind(model: type[Device]) -> str:
    """Return what a page calls devices of a model that nobody has described."""
    return capfirst(str(model._meta.verbose_name))  # noqa: SLF001 - Django documents it
