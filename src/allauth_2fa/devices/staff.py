"""Who may change the devices of another user."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied


def console() -> Any:
    """Return who acts where a command does: somebody without an account, who may do what a superuser may."""
    model: Any = get_user_model()
    actor = model(**{model.USERNAME_FIELD: "console"})
    # A model may make keys itself. Nothing may refer to this one.
    actor.pk, actor.is_superuser = None, True
    return actor


def may(actor: Any, user: Any) -> bool:
    """Return whether the actor may touch this user's second factor: only a superuser touches a superuser's, and no visitor anybody's."""
    is_superuser = bool(getattr(actor, "is_superuser", False))
    return bool(getattr(actor, "is_authenticated", False)) and (is_superuser or not getattr(user, "is_superuser", False))


def ensure_may(actor: Any, user: Any) -> None:
    """Check that the actor may do this to the user.

    Raises:
        PermissionDenied: a superuser's second factor is not the actor's business.
    """
    if not may(actor, user):
        raise PermissionDenied
