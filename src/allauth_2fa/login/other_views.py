"""Records which login views other than allauth's are used, since no check can find all of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from allauth_2fa.audit import events, log

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

logger = logging.getLogger(__name__)


def record(request: HttpRequest, user: AbstractBaseUser, shown: AbstractBaseUser | None) -> None:
    """Record which view other than allauth's has logged the user in. A login outside of a view, as in tests, is not recorded.

    Args:
        request: the request of the login.
        user: the user who is signed in by it.
        shown: the user who was signed in before: staff who look at the site as another user, for instance.
    """
    match = getattr(request, "resolver_match", None)
    if match is None:
        return
    found = getattr(match.func, "view_class", None) or getattr(match.func, "cls", None) or match.func
    named = found if hasattr(found, "__qualname__") else type(found)
    view = f"{named.__module__}.{named.__qualname__}"
    logger.info("A login view other than allauth's has logged a user in: %s", view)
    events.announce(log.OTHER_LOGIN, user, request=request, actor=shown, view=view)
