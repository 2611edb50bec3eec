"""The key of a session, which changes when the session proves more than before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase
    from django.http import HttpRequest


def renew(session: SessionBase) -> None:
    """Give the session a new key: somebody may know the old one (OWASP ASVS 5.0, 7.2.4).

    The session is stored under the new key once, with the response. Django's ``cycle_key()`` stores it at once, and again
    with the response.
    """
    kept = dict(session.items())
    session.flush()
    session.update(kept)


def renew_listed(request: HttpRequest) -> None:
    """Give the session of the request a new key. If ``allauth.usersessions`` lists the session, it lists the new key.

    Otherwise a session would leave the list of its owner, and "sign out other sessions" would not end it.
    """
    old_key = request.session.session_key
    renew(request.session)
    if apps.is_installed("allauth.usersessions"):
        # The list needs the new key, which a session has once it is stored.
        request.session.save()
        model: Any = apps.get_app_config("usersessions").get_model("UserSession")
        model.objects.filter(session_key=old_key).update(session_key=request.session.session_key)
