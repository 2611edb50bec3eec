"""The key of a session, which changes when the session proves more than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase


def renew(session: SessionBase) -> None:
    """Give the session a new key: somebody may know the old one (OWASP ASVS 5.0, 7.2.4).

    The session is stored under the new key once, with the response. Django's ``cycle_key()`` stores it at once, and again
    with the response.
    """
    kept = dict(session.items())
    session.flush()
    session.update(kept)
