"""Who may change the devices of another user."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied


def console() -> Any:
    """Return who acts where a command does: nobody with an account."""
    model: Any = get_user_model()
    return model(**{model.USERNAME_FIELD: "console"})


def may(actor: Any, user: Any) -> bool:
    """Return whether the actor may touch this user's second factor: nobody but a superuser touches a superuser's."""
    return not getattr(user, "is_superuser", False) or actor.pk is None or bool(getattr(actor, "is_superuser", False))


def ensure_may(actor: Any, user: Any) -> None:
    """Check that the actor may do this to the user.

    Raises:
        PermissionDenied: a superuser's second factor is not the actor's business.
    """
    if not may(actor, user):
        raise PermissionDenied
