"""How often answers are judged that no budget limits, and django-otp's own throttling of devices in known browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django_otp.models import ThrottlingMixin

from allauth_2fa.factors import registry

from . import stored
from .budget import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django_otp.models import Device

    from .budget import Budget


def ration(budget: Budget) -> None:
    """Count one more of the answers that no budget limits: they are judged as often as short windows permit.

    Several codes in a row are counted when they are wrong, and never hold up right ones: nobody guesses those.

    Raises:
        Throttled: too many of them were tried just now.
        LoginEnded: the user is gone.
    """
    stored.write(budget, _proof_spent)


def _proof_spent(budget: Budget) -> dict[str, Any]:
    refusal = budget.proof_refusal()
    if refusal is not None:
        raise refusal
    return budget.proof_failed()


# django-otp's own throttling

UNTHROTTLED = {"throttling_failure_count": 0, "throttling_failure_timestamp": None}


def reset(user: AbstractBaseUser) -> int:
    """Let no device wait any more, since it would be of no use that it may be tried; return how many have counted."""
    models = [factor.model for factor in registry.factors() if _throttles(factor.model)]
    counted = (model._default_manager.filter(user_id=user.pk).exclude(**UNTHROTTLED) for model in models)
    return sum(devices.update(**UNTHROTTLED) for devices in counted)


def clear(budget: Budget, devices: Sequence[Any]) -> None:
    """Let devices that wait because of wrong codes elsewhere not wait in a browser in which the user has verified.

    Wrong codes in this very browser make a device wait as long as the site has configured.
    """
    if budget.is_known:
        for device in devices:
            if _throttles(type(device)) and not device.verify_is_allowed()[0] and not _waits_here(budget, device):
                type(device)._default_manager.filter(pk=device.pk).update(**UNTHROTTLED)
                vars(device).update(UNTHROTTLED)


def clear_token_throttling(budget: Budget | None, device: Any) -> bool:
    """Let static tokens that wait not wait in a browser in which the user has verified, and return whether they did.

    Each answer that is tried as one of them while they wait is rationed there, right or wrong: they can be guessed, and
    those that have letters are in no budget.

    Raises:
        Throttled: too many were tried in this browser just now.
    """
    if budget is None or not budget.is_known or device.verify_is_allowed()[0]:
        return False
    ration(budget)
    type(device)._default_manager.filter(user_id=device.user_id).update(**UNTHROTTLED)
    return True


def _throttles(model: type[Device]) -> bool:
    return issubclass(model, ThrottlingMixin)


def _waits_here(budget: Budget, device: Any) -> bool:
    """Return whether the device would wait if there were no other failures than those of this browser."""
    count = min(budget.in_a_row, device.throttling_failure_count)
    if not count or not budget.failures:
        return False
    waited = (now() - budget.failures[-1].at) / 1000
    return bool(waited < device.get_throttle_factor() * 2 ** (count - 1))
