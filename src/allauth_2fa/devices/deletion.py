"""Deleting devices for a flow of ours, which does itself what has to follow (see :mod:`.removals`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django_otp.models import Device

OURS = "_allauth_2fa_ours"
"""What a device or a query bears that a flow of ours deletes. Django hands it to the receivers as the ``origin``."""


def delete(found: Device | QuerySet[Any]) -> int:
    """Delete the device, or what the query finds, and return how many rows are gone."""
    setattr(found, OURS, True)
    gone, _by_model = found.delete()
    return int(gone)


def is_ours(origin: object) -> bool:
    """Return whether a flow of ours deletes it."""
    return hasattr(origin, OURS)
