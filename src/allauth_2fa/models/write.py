"""Writes one row in one statement, whether it is there already or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections, router

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model


def insert_or_update(row: Model, unique: Sequence[str], changed: Sequence[str]) -> None:
    """Insert the row, or write the changed columns to the row that is there (``INSERT ... ON CONFLICT DO UPDATE``).

    ``row.pk`` is set where the database returns it, which MySQL does not.

    Args:
        row: a new instance of the model.
        unique: the fields of the constraint that allows one such row.
        changed: the fields that are written if there is one.
    """
    model = type(row)
    features = connections[router.db_for_write(model)].features
    # MySQL takes whichever constraint is violated. Each of the models that come here has one.
    target = list(unique) if features.supports_update_conflicts_with_target else None
    model._base_manager.bulk_create([row], update_conflicts=True, unique_fields=target, update_fields=changed)
